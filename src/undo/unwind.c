#include "undo/unwind.h"

#include "carry.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "files/exclude.h"

void unwind_hooks(struct undo_record *record, enum hook_stage stage, enum hook_reason reason,
                  json_t *details, struct hooks_result *ret_result)
{
    *ret_result = (struct hooks_result){0};
    if (!record->owed[stage])
        return;
    struct hooks_request request = {
        .hooks = &record->hooks[stage],
        .stage = stage,
        .reason = reason,
        .app_name = record->app,
        .backup = record->backup,
        .details = details, /* and no cancel: a thaw that is killed is none */
    };
    struct error never; /* hooks_run() fails only on cancel */
    if (hooks_run(&request, ret_result, &never) != STATUS_OK)
        *ret_result = (struct hooks_result){.failed = 1, .failure = never};
    record->owed[stage] = ret_result->failed > 0;
}

enum status unwind_snapshots(struct undo_record *record, struct error *err)
{
    size_t left = 0;
    for (size_t i = 0; i < record->snapshot_count; i++) {
        struct error failure;
        if (snapshot_remove(&record->snapshots[i], &failure) == STATUS_OK)
            continue;
        if (left == 0)
            *err = failure;
        record->snapshots[left++] = record->snapshots[i];
    }
    record->snapshot_count = left;
    return left == 0 ? STATUS_OK : FAIL_IN(err, "remove the snapshot");
}

static enum status carry_place(const struct undo_record *record, size_t i,
                               const struct exclude *exclude, struct error *err)
{
    const struct undo_place *place = &record->places[i];
    const struct carry_options options = {
        .volume = place->volume,
        .job = record->job,
        .exclude = exclude,
        .exclude_caches = record->exclude_caches,
    };
    CLEANUP(fd_closep) int old_fd = -1;
    CLEANUP(fd_closep) int new_fd = -1;
    if (undo_place_open_both(place, record->job, &old_fd, &new_fd, err) != STATUS_OK)
        return error_status(err);
    if (old_fd < 0 || carry_excluded(&options, old_fd, new_fd, err) == STATUS_OK)
        return STATUS_OK;
    char kept[UNDO_PLACE_SHOWN_MAX];
    undo_place_show_old(place, record->job, kept, sizeof(kept));
    return FAIL_IN(err, "the old data is kept in '%s'", kept);
}

static enum status carry_places(const struct undo_record *record, struct error *err)
{
    CLEANUP(exclude_freep) struct exclude *exclude = NULL;
    size_t failed = 0;
    if (exclude_new((const char *const *)record->excludes, &exclude, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < record->place_count; i++) {
        struct error failure = {0};
        if (carry_place(record, i, exclude, &failure) != STATUS_OK && failed++ == 0)
            *err = failure;
    }
    if (failed == 0)
        return STATUS_OK;
    return failed == 1 ? error_status(err) : FAIL_IN(err, "%zu volumes, the first one", failed);
}

enum status unwind_carry(struct undo_record *record, struct error *err)
{
    bool has_excludes =
        record->exclude_caches || (record->excludes != NULL && record->excludes[0] != NULL);
    if (record->carried)
        return STATUS_OK;
    if (has_excludes && carry_places(record, err) != STATUS_OK)
        return FAIL_AS(err, REASON_EXCLUDED_LEFT);
    record->carried = true;
    return STATUS_OK;
}

enum status unwind_swap(struct undo_record *record, struct error *err)
{
    enum status status = STATUS_OK;
    if (record->phase == RESTORE_SWAPPED)
        return unwind_carry(record, err);
    if (record->phase != RESTORE_SWAP)
        return STATUS_OK;
    for (size_t i = 0; i < record->place_count; i++) {
        struct error failure;
        if (undo_place_back(&record->places[i], record->job, &failure) == STATUS_OK)
            continue;
        if (status == STATUS_OK)
            *err = failure;
        status = failure.status;
    }
    if (status != STATUS_OK)
        return FAIL_IN(err, "take back the exchange");
    record->phase = RESTORE_BESIDE;
    return STATUS_OK;
}

bool unwind_owes_hooks(const struct undo_record *record)
{
    for (int stage = 0; stage < HOOK_STAGE_COUNT; stage++)
        if (record->owed[stage])
            return true;
    return false;
}

void unwind_note_try(struct undo_record *record)
{
    record->tries += record->snapshot_count > 0 || unwind_owes_hooks(record);
    record->tried_ms = clock_wall_ms();
}

bool unwind_is_kept(const struct undo_record *record)
{
    return record->phase != RESTORE_NONE || record->snapshot_count > 0 || unwind_owes_hooks(record);
}

/* What could not be removed stays in the record, for a later time. Another directory that has got
 * the name is none of ours: that is told, and forgotten. */
static enum status remove_places(struct undo_record *record, struct error *err)
{
    enum undo_place_side side = record->phase == RESTORE_SWAPPED ? UNDO_PLACE_OLD : UNDO_PLACE_MADE;
    size_t left = 0;
    *err = (struct error){0};
    for (size_t i = 0; i < record->place_count; i++) {
        struct error failure = {0};
        if (undo_place_remove(&record->places[i], record->job, side, &failure) == STATUS_OK)
            continue;
        if (err->status == STATUS_OK)
            *err = failure;
        if (!error_is(&failure, REASON_FOREIGN_PLACE))
            record->places[left++] = record->places[i];
    }
    record->place_count = left;
    return err->status == STATUS_OK ? STATUS_OK : FAIL_AS(err, REASON_OLD_LEFT);
}

enum status unwind_places(struct undo_record *record, bool all, struct error *err)
{
    bool expired = clock_wall_ms() - record->since_ms > UNDO_KEEP_MS;
    if (record->phase == RESTORE_NONE || record->phase == RESTORE_SWAP ||
        (record->phase == RESTORE_BESIDE && !all && !expired))
        return STATUS_OK;
    bool keep = record->phase == RESTORE_SWAPPED && !record->carried;
    enum status status = keep ? STATUS_OK : remove_places(record, err);
    if ((keep || record->place_count == 0) && (all || expired))
        record->phase = RESTORE_NONE;
    return status;
}
