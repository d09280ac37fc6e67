#include "undo/operation.h"

#include "core/cancel.h"
#include "core/file.h"
#include "core/path.h"
#include "model/detail.h"
#include "undo/undo.h"
#include "undo/unwind.h"

#include <limits.h>
#include <stdio.h>

enum status operation_init(struct operation *operation, struct error *err)
{
    struct undo_record *record = &operation->record;
    if (!id_is_valid(operation->job) || !id_is_valid(operation->backup) ||
        !id_is_valid(operation->work->app_id))
        return FAIL(err, STATUS_INVALID, "ids of job, backup and app are expected");
    (void)snprintf(record->job, sizeof(record->job), "%s", operation->job);
    (void)snprintf(record->backup, sizeof(record->backup), "%s", operation->backup);
    (void)snprintf(record->app, sizeof(record->app), "%s", operation->app->app.name);
    return STATUS_OK;
}

void operation_done(struct operation *operation)
{
    repository_close(operation->repository);
    object_store_close(operation->store);
    undo_record_done(&operation->record);
}

enum status operation_report(struct operation *operation, struct error *err)
{
    const struct work *work = operation->work;
    const struct work_result *result = operation->result;
    struct work_report report = {.stage = operation->stage, .confirm = operation->confirm};
    operation->describe(operation->owner, &report);
    report.bytes_done = result->bytes_done;
    report.bytes_total = result->bytes_total;
    report.taken_ms = result->taken_ms;
    report.hook_state = result->hook_state;
    report.hook_state_details = result->hook_state_details;
    report.state_details = result->state_details;
    struct error refusal = {0};
    bool refused =
        work->report != NULL && work->report(work->context, &report, &refusal) != STATUS_OK;
    if (operation->committed)
        return STATUS_OK; /* too late for the caller to change its mind */
    if (refused) {
        *err = refusal;
        return error_status(err);
    }
    if (cancel_check(work->cancel, err) != STATUS_OK)
        return error_status(err);
    return operation->locked ? repository_refresh_lock(operation->repository, err) : STATUS_OK;
}

enum status operation_confirm(struct operation *operation, struct error *err)
{
    operation->confirm = true;
    enum status status = operation_report(operation, err);
    operation->confirm = false;
    return status;
}

static enum status check_pair(const char *one, const char *other, struct error *err)
{
    if (path_is_below(one, other) || path_is_below(other, one))
        return FAIL(err, STATUS_INVALID, "volumes '%s' and '%s' overlap", one, other);
    return STATUS_OK;
}

/* The configuration refuses it as well; but links and mounts may have changed since. */
static enum status check_apart(const char *volume, const char *other, const char *what,
                               struct error *err)
{
    struct error cause = {0};
    if (other == NULL || path_check_apart(volume, other, &cause) == STATUS_OK)
        return STATUS_OK;
    return FAIL_REASON(err, cause.status, REASON_CONFIGURATION_INVALID,
                       "volume '%s' and %s overlap: %s", volume, what, cause.text);
}

static enum status check_volume(const struct operation *operation, size_t volume, struct error *err)
{
    char *const *volumes = operation->app->volumes;
    const char *path = volumes[volume];
    if (path[0] != '/')
        return FAIL(err, STATUS_INVALID, "volume '%s': an absolute path is expected", path);
    for (size_t i = 0; i < volume; i++)
        if (check_pair(volumes[i], path, err) != STATUS_OK)
            return error_status(err);
    if (check_apart(path, operation->work->bucket->path, "the bucket's directory", err) !=
        STATUS_OK)
        return error_status(err);
    return check_apart(path, operation->undo_directory, "the undo directory", err);
}

enum status operation_check_volumes(const struct operation *operation, size_t *ret_count,
                                    struct error *err)
{
    const struct app_definition *app = operation->app;
    size_t count = 0;
    for (; app->volumes != NULL && app->volumes[count] != NULL; count++)
        if (check_volume(operation, count, err) != STATUS_OK)
            return error_status(err);
    if (count == 0)
        return FAIL(err, STATUS_INVALID, "app '%s' has no volume", app->app.name);
    *ret_count = count;
    return STATUS_OK;
}

void operation_pay_predecessor(struct operation *operation)
{
    struct error failure = {0};
    const struct error *paid = operation->paid;
    if (paid == NULL && undo_job(operation->undo_directory, operation->job, &failure) != STATUS_OK)
        paid = &failure;
    if (paid != NULL && paid->status != STATUS_OK)
        detail_add_error(operation->result->state_details, "undo of an earlier attempt", paid);
}

static void note_hooks(struct operation *operation, const struct hooks_result *hooks)
{
    if (hooks->failed > 0)
        operation->result->hook_state = HOOK_STATE_FAILED;
    else if (operation->result->hook_state == HOOK_STATE_UNSET)
        operation->result->hook_state = HOOK_STATE_SUCCESS;
}

enum status operation_run_hooks(struct operation *operation, enum hook_stage stage,
                                enum hook_reason reason, struct error *err)
{
    const struct hooks_request request = {
        .hooks = &operation->app->hooks[stage],
        .stage = stage,
        .reason = reason,
        .app_name = operation->app->app.name,
        .backup = operation->backup,
        .cancel = operation->work->cancel,
        .details = operation->result->hook_state_details,
    };
    struct hooks_result hooks;
    if (hooks_run(&request, &hooks, err) != STATUS_OK)
        return error_status(err);
    note_hooks(operation, &hooks);
    if (!hooks.aborted)
        return STATUS_OK;
    *err = hooks.failure;
    return error_status(err);
}

struct hooks_result operation_pay_hooks(struct operation *operation, enum hook_stage stage,
                                        enum hook_reason reason)
{
    struct hooks_result hooks = {0};
    if (!operation->record.owed[stage])
        return hooks;
    unwind_hooks(&operation->record, stage, reason, operation->result->hook_state_details, &hooks);
    note_hooks(operation, &hooks);
    return hooks;
}

enum status operation_write_record(struct operation *operation, struct error *err)
{
    operation->recorded = true;
    return undo_record_write(&operation->record, operation->undo_directory, err);
}

static void tell_stale(struct operation *operation, const char *title, const struct error *cause)
{
    detail_add(operation->result->state_details, REASON_UNDO_RECORD_STALE, title, cause->text,
               NULL);
}

void operation_update_record(struct operation *operation)
{
    struct error failure = {0};
    if (operation_write_record(operation, &failure) != STATUS_OK)
        tell_stale(operation, "Undo record not updated", &failure);
}

void operation_close_record(struct operation *operation)
{
    char path[PATH_MAX];
    struct error failure = {0};
    if (!operation->recorded)
        return;
    if (unwind_is_kept(&operation->record)) {
        unwind_note_try(&operation->record);
        operation_update_record(operation);
        return;
    }
    if (undo_record_path(operation->undo_directory, operation->job, path, &failure) != STATUS_OK ||
        file_remove(path, &failure) != STATUS_OK)
        tell_stale(operation, "Undo record not removed", &failure);
}
