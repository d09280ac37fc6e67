#include "freeze.h"

#include "caveats.h"
#include "core/clock.h"
#include "core/file.h"
#include "hooks.h"
#include "model/detail.h"
#include "parents.h"
#include "unwind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void note_hooks(struct stage_context *context, const struct hooks_result *hooks)
{
    if (hooks->failed > 0)
        context->result->hook_state = HOOK_STATE_FAILED;
    else if (context->result->hook_state == HOOK_STATE_UNSET)
        context->result->hook_state = HOOK_STATE_SUCCESS;
}

static enum status run_hooks(struct stage_context *context, enum hook_stage stage,
                             struct error *err)
{
    const struct stage_plan *plan = context->plan;
    struct hooks_request request = {
        .hooks = &plan->app->hooks[stage],
        .stage = stage,
        .reason = HOOK_REASON_BACKUP,
        .app_name = plan->app->app.name,
        .backup = plan->backup,
        .cancel = plan->work.cancel,
        .details = context->result->hook_state_details,
    };
    struct hooks_result hooks;
    if (hooks_run(&request, &hooks, err) != STATUS_OK)
        return err->status;
    note_hooks(context, &hooks);
    if (!hooks.aborted)
        return STATUS_OK;
    *err = hooks.failure;
    return error_status(err);
}

/* Pays with hooks that run to their end whatever the caller wants by now. */
static struct hooks_result pay_hooks(struct stage_context *context, enum hook_stage stage,
                                     enum hook_reason reason)
{
    struct hooks_result hooks;
    unwind_hooks(&context->record, stage, reason, context->result->hook_state_details, &hooks);
    note_hooks(context, &hooks);
    return hooks;
}

static enum status write_record(struct stage_context *context, struct error *err)
{
    return undo_record_write(&context->record, context->plan->undo_directory, err);
}

/* After something was paid. That it cannot be written down costs at most that it is paid twice. */
static void rewrite_record(struct stage_context *context)
{
    struct error failure = {0};
    if (write_record(context, &failure) != STATUS_OK)
        detail_add(context->result->state_details, REASON_UNDO_RECORD_STALE,
                   "Undo record not updated", failure.text, NULL);
}

/* The last step: nothing is owed any more, or what is left is for stage_undo_all(). */
static void close_record(struct stage_context *context)
{
    if (unwind_is_kept(&context->record)) {
        rewrite_record(context);
        return;
    }
    char path[PATH_MAX];
    struct error failure = {0};
    if (undo_record_path(context->plan->undo_directory, context->plan->job, path, &failure) ==
            STATUS_OK &&
        file_remove(path, &failure) == STATUS_OK)
        return;
    detail_add(context->result->state_details, REASON_UNDO_RECORD_STALE, "Undo record not removed",
               failure.text, NULL);
}

static void remove_snapshots(struct stage_context *context)
{
    struct error failure = {0};
    if (unwind_snapshots(&context->record, &failure) != STATUS_OK)
        detail_add(context->result->state_details, REASON_SNAPSHOT_LEFT, "Snapshot not removed",
                   failure.text, NULL);
}

enum status freeze_pre_backup(struct stage_context *context, struct error *err)
{
    context->record.owed[HOOK_POST_BACKUP] = true;
    if (write_record(context, err) != STATUS_OK) {
        context->record.owed[HOOK_POST_BACKUP] = false; /* nothing has run yet */
        return err->status;
    }
    return run_hooks(context, HOOK_PRE_BACKUP, err);
}

static enum status check_volume(const char *volume, struct error *err)
{
    struct stat info;
    bool there = lstat(volume, &info) == 0;
    if (!there && errno != ENOENT && errno != ENOTDIR)
        return FAIL_ERRNO(err, "volume '%s'", volume);
    if (!there)
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_VOLUME_MISSING,
                           "volume '%s' does not exist", volume);
    if (!S_ISDIR(info.st_mode))
        return FAIL_REASON(err, STATUS_INVALID, REASON_VOLUME_MISSING,
                           "volume '%s' is not a directory", volume);
    return STATUS_OK;
}

static int compare_plans(const void *left, const void *right)
{
    const struct snapshot_plan *a = left;
    const struct snapshot_plan *b = right;
    return parents_compare(a->volume, b->volume);
}

static enum status plan_volumes(struct stage_context *context, struct error *err)
{
    const struct app_definition *app = context->plan->app;
    for (size_t i = 0; i < context->volume_count; i++) {
        char id[ID_SIZE + 24];
        (void)snprintf(id, sizeof(id), "%s-%zu", context->plan->job, i);
        if (check_volume(app->volumes[i], err) != STATUS_OK ||
            snapshot_plan(app->volumes[i], app->snapshot, id, &context->volumes[i], err) !=
                STATUS_OK)
            return err->status;
    }
    qsort(context->volumes, context->volume_count, sizeof(context->volumes[0]), compare_plans);
    context->is_planned = true;
    return STATUS_OK;
}

/* Planned only here, since a pre-backup hook may be what mounts or makes a volume; and written down
 * together with the thaw, since every write between freeze and thaw is time that the application
 * stands still. */
enum status freeze_pre_snapshot(struct stage_context *context, struct error *err)
{
    if (plan_volumes(context, err) != STATUS_OK)
        return err->status;
    struct undo_record *record = &context->record;
    memcpy(record->snapshots, context->volumes,
           context->volume_count * sizeof(context->volumes[0]));
    record->snapshot_count = context->volume_count;
    record->owed[HOOK_POST_SNAPSHOT] = true;
    if (write_record(context, err) != STATUS_OK) {
        record->snapshot_count = 0;
        record->owed[HOOK_POST_SNAPSHOT] = false;
        return err->status;
    }
    return run_hooks(context, HOOK_PRE_SNAPSHOT, err);
}

enum status freeze_snapshot(struct stage_context *context, struct error *err)
{
    int64_t taken_ms = clock_wall_ms();
    for (size_t i = 0; i < context->volume_count; i++)
        if (snapshot_take(&context->volumes[i], context->plan->work.cancel, err) != STATUS_OK)
            return err->status;
    context->result->taken_ms = taken_ms;
    return caveats_tell(context, err);
}

enum status freeze_post_snapshot(struct stage_context *context, struct error *err)
{
    struct hooks_result hooks = pay_hooks(context, HOOK_POST_SNAPSHOT, HOOK_REASON_BACKUP);
    rewrite_record(context);
    if (!hooks.aborted)
        return STATUS_OK;
    *err = hooks.failure;
    return error_status(err);
}

enum status freeze_cleanup(struct stage_context *context, struct error *err UNUSED)
{
    preparation_undo(context);
    /* A thaw that has failed may be able to by now. */
    if (context->record.owed[HOOK_POST_SNAPSHOT])
        (void)pay_hooks(context, HOOK_POST_SNAPSHOT, HOOK_REASON_UNDO);
    remove_snapshots(context);
    return STATUS_OK;
}

enum status freeze_post_backup(struct stage_context *context, struct error *err UNUSED)
{
    (void)pay_hooks(context, HOOK_POST_BACKUP, HOOK_REASON_BACKUP);
    close_record(context);
    return STATUS_OK;
}

void freeze_undo_pre_backup(struct stage_context *context)
{
    (void)pay_hooks(context, HOOK_POST_BACKUP, HOOK_REASON_UNDO);
    close_record(context);
}

/* The application first: removing a large copy takes its time. */
void freeze_undo_pre_snapshot(struct stage_context *context)
{
    (void)pay_hooks(context, HOOK_POST_SNAPSHOT, HOOK_REASON_UNDO);
    remove_snapshots(context);
}
