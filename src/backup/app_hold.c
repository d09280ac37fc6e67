#include "context.h"
#include "core/clock.h"
#include "model/detail.h"
#include "stages.h"
#include "undo/unwind.h"
#include "volume_ancestors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void remove_snapshots(struct backup_context *context)
{
    struct error failure = {0};
    if (unwind_snapshots(&context->operation.record, &failure) != STATUS_OK)
        detail_add(context->operation.result->state_details, REASON_SNAPSHOT_LEFT,
                   "Snapshot not removed", failure.text, NULL);
}

enum status app_hold_pre_backup(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    context->operation.record.owed[HOOK_POST_BACKUP] = true;
    if (operation_write_record(&context->operation, err) != STATUS_OK) {
        context->operation.record.owed[HOOK_POST_BACKUP] = false; /* nothing has run yet */
        return error_status(err);
    }
    return operation_run_hooks(&context->operation, HOOK_PRE_BACKUP, HOOK_REASON_BACKUP, err);
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
    return volume_ancestors_compare(a->volume, b->volume);
}

static enum status plan_volumes(struct backup_context *context, struct error *err)
{
    const struct app_definition *app = context->operation.app;
    for (size_t i = 0; i < context->volume_count; i++) {
        char id[ID_SIZE + 24];
        (void)snprintf(id, sizeof(id), "%s-%zu", context->operation.job, i);
        if (check_volume(app->volumes[i], err) != STATUS_OK ||
            snapshot_plan(app->volumes[i], app->snapshot, id, &context->volumes[i], err) !=
                STATUS_OK)
            return error_status(err);
    }
    qsort(context->volumes, context->volume_count, sizeof(context->volumes[0]), compare_plans);
    context->is_planned = true;
    return STATUS_OK;
}

/* Planned only here, since a pre-backup hook may be what mounts or makes a volume; and written down
 * together with the thaw, since every write between freeze and thaw is time that the application
 * stands still. */
enum status app_hold_pre_snapshot(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    if (plan_volumes(context, err) != STATUS_OK)
        return error_status(err);
    struct undo_record *record = &context->operation.record;
    memcpy(record->snapshots, context->volumes,
           context->volume_count * sizeof(context->volumes[0]));
    record->snapshot_count = context->volume_count;
    record->owed[HOOK_POST_SNAPSHOT] = true;
    if (operation_write_record(&context->operation, err) != STATUS_OK) {
        record->snapshot_count = 0;
        record->owed[HOOK_POST_SNAPSHOT] = false;
        return error_status(err);
    }
    return operation_run_hooks(&context->operation, HOOK_PRE_SNAPSHOT, HOOK_REASON_BACKUP, err);
}

/* Is that of the driver, and not of the volume or of the job? */
static bool is_worth_another(const struct backup_context *context, const struct snapshot_plan *plan)
{
    struct error ignored;
    return context->operation.app->snapshot == APP_SNAPSHOT_AUTO &&
           plan->driver != APP_SNAPSHOT_NONE &&
           cancel_check(context->operation.work->cancel, &ignored) == STATUS_OK;
}

/* Plans the volume anew, behind what has failed, and writes down where its copy will be. If half a
 * copy is still there, that is what stays written down, and the volume itself is read. */
static enum status plan_another(struct backup_context *context, size_t volume,
                                const struct error *cause, struct error *err)
{
    struct undo_record *record = &context->operation.record;
    struct snapshot_plan *plan = &context->volumes[volume];
    struct error ignored;
    bool is_left = snapshot_remove(plan, &ignored) != STATUS_OK;
    do {
        if (snapshot_plan_next(plan, cause, plan, err) != STATUS_OK)
            return error_status(err);
    } while (is_left && plan->driver != APP_SNAPSHOT_NONE);
    if (plan->driver == APP_SNAPSHOT_NONE)
        return STATUS_OK;
    record->snapshots[volume] = *plan;
    return operation_write_record(&context->operation, err);
}

static enum status take_snapshot(struct backup_context *context, size_t volume, struct error *err)
{
    const struct snapshot_plan *plan = &context->volumes[volume];
    const struct cancel *cancel = context->operation.work->cancel;
    struct error cause;
    while (snapshot_take(plan, cancel, &context->gaps[volume], &cause) != STATUS_OK) {
        if (!is_worth_another(context, plan)) {
            *err = cause;
            return error_status(err);
        }
        if (plan_another(context, volume, &cause, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status app_hold_snapshot(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    int64_t taken_ms = clock_wall_ms();
    for (size_t i = 0; i < context->volume_count; i++)
        if (take_snapshot(context, i, err) != STATUS_OK)
            return error_status(err);
    context->operation.result->taken_ms = taken_ms;
    return snapshot_warnings_tell(context, err);
}

enum status app_hold_post_snapshot(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    struct hooks_result hooks =
        operation_pay_hooks(&context->operation, HOOK_POST_SNAPSHOT, HOOK_REASON_BACKUP);
    operation_update_record(&context->operation);
    if (!hooks.aborted)
        return STATUS_OK;
    *err = hooks.failure;
    return error_status(err);
}

enum status app_hold_cleanup(void *owner, struct error *err UNUSED)
{
    struct backup_context *context = owner;
    discover_undo(context);
    /* A thaw that has failed may be able to by now. */
    (void)operation_pay_hooks(&context->operation, HOOK_POST_SNAPSHOT, HOOK_REASON_UNDO);
    remove_snapshots(context);
    return STATUS_OK;
}

enum status app_hold_post_backup(void *owner, struct error *err UNUSED)
{
    struct backup_context *context = owner;
    (void)operation_pay_hooks(&context->operation, HOOK_POST_BACKUP, HOOK_REASON_BACKUP);
    operation_close_record(&context->operation);
    return STATUS_OK;
}

void app_hold_undo_pre_backup(void *owner)
{
    struct backup_context *context = owner;
    (void)operation_pay_hooks(&context->operation, HOOK_POST_BACKUP, HOOK_REASON_UNDO);
    operation_close_record(&context->operation);
}

/* The application first: removing a large copy takes its time. */
void app_hold_undo_pre_snapshot(void *owner)
{
    struct backup_context *context = owner;
    (void)operation_pay_hooks(&context->operation, HOOK_POST_SNAPSHOT, HOOK_REASON_UNDO);
    remove_snapshots(context);
}
