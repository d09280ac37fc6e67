#include "backup/backup.h"

#include "access/bucket.h"
#include "context.h"
#include "stages.h"
#include "undo/operation.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDINGS_BYTES_MAX = 24 << 20 }; /* some 250,000 entries */

static enum status start_upload(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    context->state = BACKUP_RUNNING;
    if (operation_report(&context->operation, err) != STATUS_OK)
        return error_status(err);
    return upload_run(context, err);
}

static enum status init_record(struct backup_context *context, struct error *err)
{
    const struct app_definition *app = context->operation.app;
    struct undo_record *record = &context->operation.record;
    record->hooks[HOOK_POST_SNAPSHOT] = app->hooks[HOOK_POST_SNAPSHOT];
    record->hooks[HOOK_POST_BACKUP] = app->hooks[HOOK_POST_BACKUP];
    record->snapshots = calloc(context->volume_count, sizeof(*record->snapshots));
    context->volumes = calloc(context->volume_count, sizeof(*context->volumes));
    context->gaps = calloc(context->volume_count, sizeof(*context->gaps));
    context->recordings = calloc(context->volume_count, sizeof(*context->recordings));
    if (record->snapshots == NULL || context->volumes == NULL || context->gaps == NULL ||
        context->recordings == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", context->volume_count);
    for (size_t i = 0; i < context->volume_count; i++)
        walk_recording_init(&context->recordings[i], RECORDINGS_BYTES_MAX / context->volume_count);
    return STATUS_OK;
}

static enum status prepare(struct backup_context *context, struct error *err)
{
    const struct app_definition *app = context->operation.app;
    const char *const *patterns = (const char *const *)app->excludes;
    if (operation_check_volumes(&context->operation, &context->volume_count, err) != STATUS_OK ||
        exclude_new(patterns, &context->exclude, err) != STATUS_OK)
        return FAIL_IN(err, "app '%s'", app->app.name);
    return init_record(context, err);
}

/* What is still owed is owed by this attempt: its record takes the place of the earlier one's. */
static void adopt_debt(struct backup_context *context)
{
    struct undo_record left = {0};
    struct error ignored; /* unreadable: it has been set aside, and told */
    if (undo_record_read(context->operation.undo_directory, context->operation.job, &left,
                         &ignored) != STATUS_OK)
        return;
    memcpy(context->operation.record.owed, left.owed, sizeof(left.owed));
    context->operation.record.tries = left.tries;
    context->operation.record.tried_ms = left.tried_ms;
    undo_record_done(&left);
}

/* The attempt that committed may have died before it gave its lock back: taking one removes those
 * of dead processes. If that cannot be done now, the next backup does it. */
static void clear_locks(struct backup_context *context)
{
    struct error ignored;
    if (repository_lock(context->operation.repository, false, context->operation.work->cancel,
                        &ignored) == STATUS_OK)
        context->operation.locked = true;
    discover_undo(context);
}

static const enum compression compressions[BUCKET_COMPRESSION_COUNT] = {
    [BUCKET_COMPRESSION_UNSET] = COMPRESSION_AUTO, [BUCKET_COMPRESSION_AUTO] = COMPRESSION_AUTO,
    [BUCKET_COMPRESSION_FAST] = COMPRESSION_FAST,  [BUCKET_COMPRESSION_BETTER] = COMPRESSION_BETTER,
    [BUCKET_COMPRESSION_OFF] = COMPRESSION_OFF,
};

/* Whoever has the repository to himself, a prune or a check, may have it for hours: each attempt
 * until then would hold the application for nothing. No lock is taken here: the hooks may take
 * longer than it can go without being renewed. */
static enum status find_or_check_locks(struct backup_context *context, struct error *err)
{
    enum status status = commit_find(context, &context->is_found, err);
    return status != STATUS_OK || context->is_found
               ? status
               : repository_check_locks(context->operation.repository, false, err);
}

/* Before the application is touched: a bucket that is away or a wrong passphrase freezes nothing.
 */
static enum status open_repository(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    struct operation *operation = &context->operation;
    const struct work *work = operation->work;
    if (work_open_store(work, &operation->store, err) != STATUS_OK ||
        work_open_repository(work, operation->store, true, &operation->repository, err) !=
            STATUS_OK ||
        access_bucket_check(work->bucket, err) != STATUS_OK || /* a new one is marked by now */
        find_or_check_locks(context, err) != STATUS_OK)
        return error_status(err);
    repository_set_compression(operation->repository, compressions[work->bucket->compression]);
    repository_set_extra_verify(operation->repository,
                                work->bucket->extra_verify == BUCKET_EXTRA_VERIFY_ALL
                                    ? EXTRA_VERIFY_ALL
                                    : EXTRA_VERIFY_SAMPLE);
    return STATUS_OK;
}

static const struct pipeline_stage opening = {"open", open_repository, NULL};

/* clang-format off */
static const struct pipeline_stage stages[] = {
    {"pre-backup",    app_hold_pre_backup,    app_hold_undo_pre_backup},
    {"pre-snapshot",  app_hold_pre_snapshot,  app_hold_undo_pre_snapshot},
    {"snapshot",      app_hold_snapshot,      NULL}, /* its plan is owed since pre-snapshot */
    {"post-snapshot", app_hold_post_snapshot, NULL},
    {"discover",      discover_run,         discover_undo}, /* what it begins, the upload uses */
    {"upload",        start_upload,         NULL},
    {"commit",        commit_run,           NULL},
    {"cleanup",       app_hold_cleanup,       NULL},
    {"post-backup",   app_hold_post_backup,   NULL},
};

/* clang-format on */

static enum status run_stages(struct backup_context *context, struct error *err)
{
    struct operation *operation = &context->operation;
    if (pipeline_run(&opening, 1, operation, err) != STATUS_OK)
        return error_status(err);
    if (!context->is_found)
        return pipeline_run(stages, sizeof(stages) / sizeof(stages[0]), operation, err);
    clear_locks(context);
    return STATUS_OK;
}

static void context_done(struct backup_context *context)
{
    operation_done(&context->operation);
    exclude_free(context->exclude);
    for (size_t i = 0; context->recordings != NULL && i < context->volume_count; i++)
        walk_recording_done(&context->recordings[i]);
    for (size_t i = 0; context->gaps != NULL && i < context->volume_count; i++)
        gaps_done(&context->gaps[i]);
    free(context->gaps);
    free(context->recordings);
    free(context->volumes);
}

static void describe(void *owner, struct work_report *report)
{
    const struct backup_context *context = owner;
    report->state = context->state;
    report->volumes = context->volumes;
    report->volume_count = context->is_planned ? context->volume_count : 0;
}

static struct tag_words words_of(const struct backup_plan *plan)
{
    return (struct tag_words){
        .backup = plan->backup,
        .name = plan->backup_name,
        .app_name = plan->app->app.name,
        .account = plan->account,
        .created_by = plan->created_by,
        .version = plan->version,
        .labels = plan->labels,
    };
}

enum status backup_run(const struct backup_plan *plan, struct work_result *result,
                       struct error *err)
{
    struct backup_context context = {
        .operation =
            {
                .work = &plan->work,
                .app = plan->app,
                .job = plan->job,
                .backup = plan->backup,
                .undo_directory = plan->undo_directory,
                .paid = plan->paid,
                .owner = &context,
                .describe = describe,
                .result = result,
            },
        .words = words_of(plan),
        .threads = plan->threads,
        .unseen_ms = plan->unseen_ms,
        .state = BACKUP_DISCOVERING,
        .warnings.details = result->state_details,
    };
    if (operation_init(&context.operation, err) != STATUS_OK)
        return error_status(err);
    operation_pay_predecessor(&context.operation);
    adopt_debt(&context);
    enum status status = prepare(&context, err);
    if (status == STATUS_OK)
        status = run_stages(&context, err);
    context_done(&context);
    return status;
}
