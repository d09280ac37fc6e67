#include "restore_inplace.h"

#include "context.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/point.h"
#include "hooks.h"
#include "model/detail.h"
#include "stage/undo.h"
#include "unwind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status write_record(struct restore *restore, struct error *err)
{
    restore->recorded = true;
    return undo_record_write(&restore->record, restore->plan->undo_directory, err);
}

static void note_hooks(struct restore *restore, const struct hooks_result *hooks)
{
    if (hooks->failed > 0)
        restore->result->hook_state = HOOK_STATE_FAILED;
    else if (restore->result->hook_state == HOOK_STATE_UNSET)
        restore->result->hook_state = HOOK_STATE_SUCCESS;
}

static void pay_hooks(struct restore *restore, enum hook_reason reason)
{
    struct hooks_result hooks;
    if (!restore->record.owed[HOOK_POST_RESTORE])
        return;
    unwind_hooks(&restore->record, HOOK_POST_RESTORE, reason, restore->result->hook_state_details,
                 &hooks);
    note_hooks(restore, &hooks);
}

static enum status init_record(struct restore *restore, struct error *err)
{
    const struct stage_restore_plan *plan = restore->plan;
    struct undo_record *record = &restore->record;
    (void)snprintf(record->job, sizeof(record->job), "%s", plan->job);
    (void)snprintf(record->backup, sizeof(record->backup), "%s", plan->backup);
    (void)snprintf(record->app, sizeof(record->app), "%s", plan->app->app.name);
    record->hooks[HOOK_POST_RESTORE] = plan->app->hooks[HOOK_POST_RESTORE];
    if (record->since_ms == 0)
        record->since_ms = clock_wall_ms();
    if (record->phase == RESTORE_SWAPPED)
        return STATUS_OK; /* by what was excluded when it began */
    record->exclude_caches = plan->app->exclude_caches;
    return undo_record_set_excludes(record, plan->app->excludes, err);
}

/* The predecessor's places, if they are for what we restore. */
static void adopt(struct restore *restore, struct undo_record *left)
{
    struct undo_record *record = &restore->record;
    if (strcmp(left->backup, restore->plan->backup) != 0)
        return;
    record->phase = left->phase;
    record->since_ms = left->since_ms;
    record->places = left->places;
    record->place_count = left->place_count;
    record->excludes = left->excludes;
    record->exclude_caches = left->exclude_caches;
    record->carried = left->carried;
    left->places = NULL;
    left->place_count = 0;
    left->excludes = NULL;
}

static enum status check_left(struct restore *restore, bool *ret_swapped, struct error *err)
{
    const struct stage_restore_plan *plan = restore->plan;
    struct undo_record left = {0};
    enum status status = undo_record_read(plan->undo_directory, plan->job, &left, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (left.phase == RESTORE_SWAP) {
        undo_record_done(&left);
        return FAIL_REASON(err, STATUS_CONFLICT, REASON_EXCHANGE_NOT_UNDONE,
                           "an earlier attempt's exchange could not be taken back");
    }
    restore->recorded = true;
    restore->record.owed[HOOK_POST_RESTORE] = left.owed[HOOK_POST_RESTORE];
    adopt(restore, &left);
    undo_record_done(&left);
    *ret_swapped = restore->record.phase == RESTORE_SWAPPED;
    return STATUS_OK;
}

enum status inplace_take_over(struct restore *restore, bool *ret_swapped, struct error *err)
{
    const struct stage_restore_plan *plan = restore->plan;
    struct error failure = {0};
    *ret_swapped = false;
    if (stage_undo_job(plan->undo_directory, plan->job, &failure) != STATUS_OK)
        detail_add_error(restore->result->state_details, "undo of an earlier attempt", &failure);
    if (check_left(restore, ret_swapped, err) != STATUS_OK)
        return err->status;
    return init_record(restore, err);
}

enum status inplace_pre_restore(struct restore *restore, struct error *err)
{
    const struct stage_restore_plan *plan = restore->plan;
    struct hooks_request request = {
        .hooks = &plan->app->hooks[HOOK_PRE_RESTORE],
        .stage = HOOK_PRE_RESTORE,
        .reason = HOOK_REASON_RESTORE,
        .app_name = plan->app->app.name,
        .backup = plan->backup,
        .cancel = plan->work.cancel,
        .details = restore->result->hook_state_details,
    };
    struct hooks_result hooks;
    restore->record.owed[HOOK_POST_RESTORE] = true;
    if (write_record(restore, err) != STATUS_OK) {
        restore->record.owed[HOOK_POST_RESTORE] = false; /* nothing has run yet */
        return err->status;
    }
    if (hooks_run(&request, &hooks, err) != STATUS_OK)
        return err->status;
    note_hooks(restore, &hooks);
    if (!hooks.aborted)
        return STATUS_OK;
    *err = hooks.failure;
    return error_status(err);
}

/* Is this what the predecessor began with? */
static bool same_places(const struct undo_record *record, const struct restore_place *places,
                        size_t count)
{
    if (record->place_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(record->places[i].volume, places[i].volume) != 0 ||
            record->places[i].inside != places[i].inside)
            return false;
    }
    return true;
}

enum status inplace_check_volumes(const struct restore *restore, size_t *ret_count,
                                  struct error *err)
{
    const struct stage_restore_plan *plan = restore->plan;
    return context_check_volumes(plan->app, plan->work.bucket, plan->undo_directory, ret_count,
                                 err);
}

static enum status plan_places(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->record;
    size_t count = 0;
    if (inplace_check_volumes(restore, &count, err) != STATUS_OK)
        return err->status;
    CLEANUP(free_any) struct restore_place *places = calloc(count, sizeof(*places));
    if (places == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", count);
    for (size_t i = 0; i < count; i++)
        if (restore_place_plan(restore->plan->app->volumes[i], &places[i], err) != STATUS_OK)
            return err->status;
    if (same_places(record, places, count))
        return STATUS_OK;
    if (unwind_places(record, true, err) != STATUS_OK)
        return err->status;
    free(record->places);
    record->places = STEAL(places);
    record->place_count = count;
    record->phase = RESTORE_BESIDE;
    return STATUS_OK;
}

enum status inplace_plan(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->record;
    if (plan_places(restore, err) != STATUS_OK || write_record(restore, err) != STATUS_OK)
        return err->status;
    restore->place_fds = calloc(record->place_count, sizeof(*restore->place_fds));
    if (restore->place_fds == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", record->place_count);
    for (size_t i = 0; i < record->place_count; i++) {
        struct restore_place *place = &record->places[i];
        if (restore_place_open(place, record->job, &restore->place_fds[i], err) != STATUS_OK)
            return err->status;
        restore->place_fd_count++;
        if (restore_plan_tree(restore, restore->place_fds[i], place->volume, err) != STATUS_OK)
            return FAIL_IN(err, "volume '%s'", place->volume);
    }
    return STATUS_OK;
}

/* Durable before it is live: after a power cut the new must be whole, the old is on its way out. */
static enum status sync_places(struct restore *restore, struct error *err)
{
    for (size_t i = 0; i < restore->place_fd_count; i++) {
        if (restore_report(restore, err) != STATUS_OK)
            return err->status;
        if (syncfs(restore->place_fds[i]) != 0)
            return FAIL_ERRNO(err, "sync volume '%s'", restore->record.places[i].volume);
    }
    return STATUS_OK;
}

static enum status swap_places(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->record;
    for (size_t i = 0; i < record->place_count; i++) {
        point_pass("exchange");
        if (restore_place_swap(&record->places[i], record->job, err) != STATUS_OK)
            return err->status;
    }
    point_pass("exchanged");
    return STATUS_OK;
}

/* The volume itself stayed where it was: it gets the new one's attributes. */
static void finish_inside(struct restore *restore)
{
    for (size_t i = 0; i < restore->place_fd_count; i++) {
        const struct restore_place *place = &restore->record.places[i];
        struct error lost = {0};
        struct error failure = {0};
        CLEANUP(fd_closep) int fd = -1;
        uint32_t root = 0;
        while (restore->tree.directories[root].parent != directory_none ||
               restore->tree.directories[root].name != i)
            root++;
        if (!place->inside)
            continue;
        if (restore_open_directory(place->volume, &fd, &failure) == STATUS_OK &&
            attributes_set(&restore->tree.directories[root].attributes, &restore->tree.xattrs, fd,
                           &lost, &failure) == STATUS_OK)
            failure = lost;
        if (failure.status != STATUS_OK)
            restore_problems_add(&restore->problems, PROBLEM_ATTRIBUTES, place->volume, &failure);
    }
}

/* Who has lost the claim meanwhile must not put its data in the place of another's. */
static enum status confirm_claim(struct restore *restore, struct error *err)
{
    restore->confirm = true;
    enum status status = restore_report(restore, err);
    restore->confirm = false;
    return status;
}

enum status inplace_swap(struct restore *restore, struct error *err)
{
    struct undo_record *record = &restore->record;
    if (restore_problems_check(&restore->problems, err) != STATUS_OK ||
        sync_places(restore, err) != STATUS_OK)
        return err->status;
    record->phase = RESTORE_SWAP;
    if (write_record(restore, err) != STATUS_OK || confirm_claim(restore, err) != STATUS_OK) {
        record->phase = RESTORE_BESIDE; /* nothing is exchanged yet */
        return error_status(err);
    }
    if (swap_places(restore, err) != STATUS_OK)
        return err->status;
    record->phase = RESTORE_SWAPPED;
    if (write_record(restore, err) != STATUS_OK) {
        record->phase = RESTORE_SWAP; /* whoever reads the record will take it back: so do we */
        return err->status;
    }
    restore->committed = true;
    return STATUS_OK;
}

/* After a failure the old is not removed. */
enum status inplace_carry(struct restore *restore, struct error *err UNUSED)
{
    struct error failure = {0};
    if (unwind_carry(&restore->record, &failure) != STATUS_OK)
        detail_add_cause(restore->result->state_details, "Excluded files not carried over",
                         &failure);
    return STATUS_OK;
}

enum status inplace_post_restore(struct restore *restore, struct error *err UNUSED)
{
    struct error failure = {0};
    pay_hooks(restore, HOOK_REASON_RESTORE);
    if (write_record(restore, &failure) != STATUS_OK)
        detail_add(restore->result->state_details, REASON_UNDO_RECORD_STALE,
                   "Undo record not updated", failure.text, NULL);
    return STATUS_OK;
}

/* Nothing is owed any more, or what is left is for stage_undo_all(). */
static void close_record(struct restore *restore)
{
    char path[PATH_MAX];
    struct error failure = {0};
    const char *directory = restore->plan->undo_directory;
    if (!restore->recorded)
        return;
    if (unwind_is_kept(&restore->record)) {
        if (write_record(restore, &failure) == STATUS_OK)
            return;
    } else if (undo_record_path(directory, restore->plan->job, path, &failure) == STATUS_OK &&
               file_remove(path, &failure) == STATUS_OK) {
        return;
    }
    detail_add(restore->result->state_details, REASON_UNDO_RECORD_STALE, "Undo record not removed",
               failure.text, NULL);
}

enum status inplace_cleanup(struct restore *restore, struct error *err UNUSED)
{
    struct error failure = {0};
    finish_inside(restore);
    if (unwind_places(&restore->record, true, &failure) != STATUS_OK)
        detail_add(restore->result->state_details, REASON_OLD_LEFT, "Old data not removed",
                   failure.text, NULL);
    close_record(restore);
    return STATUS_OK;
}

void inplace_undo(struct restore *restore, const struct error *cause)
{
    struct error failure = {0};
    bool again = status_is_transient(cause->status) || cause->status == STATUS_LOST;
    point_pass("unwind");
    if (unwind_swap(&restore->record, &failure) != STATUS_OK)
        detail_add_error(restore->result->state_details, "undo", &failure);
    pay_hooks(restore, HOOK_REASON_UNDO);
    if (unwind_places(&restore->record, !again, &failure) != STATUS_OK)
        detail_add(restore->result->state_details, REASON_OLD_LEFT, "Restored data not removed",
                   failure.text, NULL);
    close_record(restore);
}

void inplace_done(struct restore *restore)
{
    for (size_t i = 0; i < restore->place_fd_count; i++)
        (void)close(restore->place_fds[i]);
    free(restore->place_fds);
}
