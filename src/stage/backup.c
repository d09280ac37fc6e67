#include "stage/backup.h"

#include "commit.h"
#include "context.h"
#include "core/point.h"
#include "discover.h"
#include "freeze.h"
#include "model/detail.h"
#include "pipeline.h"
#include "stage/bucket.h"
#include "stage/undo.h"
#include "upload.h"

#include <stdlib.h>
#include <string.h>

enum { TRAILS_BYTES_MAX = 24 << 20 }; /* some 250,000 entries */

static enum status start_discover(struct stage_context *context, struct error *err);
static enum status start_upload(struct stage_context *context, struct error *err);

/* clang-format off */
static const struct stage stages[] = {
    {"pre-backup",    freeze_pre_backup,    freeze_undo_pre_backup},
    {"pre-snapshot",  freeze_pre_snapshot,  freeze_undo_pre_snapshot},
    {"snapshot",      freeze_snapshot,      NULL}, /* its plan is owed since pre-snapshot */
    {"post-snapshot", freeze_post_snapshot, NULL},
    {"discover",      start_discover,       preparation_undo}, /* what it begins, the upload uses */
    {"upload",        start_upload,         NULL},
    {"commit",        commit_run,           NULL},
    {"cleanup",       freeze_cleanup,       NULL},
    {"post-backup",   freeze_post_backup,   NULL},
};

/* clang-format on */

static enum status start_discover(struct stage_context *context, struct error *err)
{
    if (preparation_start(context, err) != STATUS_OK)
        return err->status;
    return discover_run(context, err);
}

static enum status start_upload(struct stage_context *context, struct error *err)
{
    context->state = BACKUP_RUNNING;
    if (context_report(context, err) != STATUS_OK)
        return err->status;
    return upload_run(context, err);
}

static void copy_id(const char *text, char *id, size_t size)
{
    (void)snprintf(id, size, "%s", text);
}

static enum status init_record(struct stage_context *context, struct error *err)
{
    const struct stage_plan *plan = context->plan;
    struct undo_record *record = &context->record;
    copy_id(plan->job, record->job, sizeof(record->job));
    copy_id(plan->backup, record->backup, sizeof(record->backup));
    copy_id(plan->app->app.name, record->app, sizeof(record->app));
    record->hooks[HOOK_POST_SNAPSHOT] = plan->app->hooks[HOOK_POST_SNAPSHOT];
    record->hooks[HOOK_POST_BACKUP] = plan->app->hooks[HOOK_POST_BACKUP];
    record->snapshots = calloc(context->volume_count, sizeof(*record->snapshots));
    context->volumes = calloc(context->volume_count, sizeof(*context->volumes));
    context->trails = calloc(context->volume_count, sizeof(*context->trails));
    if (record->snapshots == NULL || context->volumes == NULL || context->trails == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", context->volume_count);
    for (size_t i = 0; i < context->volume_count; i++)
        trail_init(&context->trails[i], TRAILS_BYTES_MAX / context->volume_count);
    return STATUS_OK;
}

static enum status check_plan(const struct stage_plan *plan, struct error *err)
{
    if (!id_is_valid(plan->job) || !id_is_valid(plan->backup) || !id_is_valid(plan->work.app_id))
        return FAIL(err, STATUS_INVALID, "ids of job, backup and app are expected");
    return STATUS_OK;
}

static enum status prepare(struct stage_context *context, struct error *err)
{
    const struct app_definition *app = context->plan->app;
    const char *const *patterns = (const char *const *)app->excludes;
    if (context_check_volumes(app, context->plan->work.bucket, context->plan->undo_directory,
                              &context->volume_count, err) != STATUS_OK ||
        exclude_new(patterns, &context->exclude, err) != STATUS_OK)
        return FAIL_IN(err, "app '%s'", app->app.name);
    return init_record(context, err);
}

/* What is still owed is owed by this attempt: its record takes the place of the earlier one's. */
static void adopt_debt(struct stage_context *context)
{
    struct undo_record left = {0};
    struct error ignored; /* unreadable: it has been set aside, and told */
    if (undo_record_read(context->plan->undo_directory, context->plan->job, &left, &ignored) !=
        STATUS_OK)
        return;
    memcpy(context->record.owed, left.owed, sizeof(left.owed));
    context->record.tries = left.tries;
    context->record.tried_ms = left.tried_ms;
    undo_record_done(&left);
}

/* What an attempt that died has left is unwound before this one touches the application. Its hooks'
 * failures are news, and no reason to give up. */
static void unwind_predecessor(struct stage_context *context)
{
    const struct stage_plan *plan = context->plan;
    struct error failure = {0};
    if (stage_undo_job(plan->undo_directory, plan->job, &failure) == STATUS_OK)
        return;
    detail_add_error(context->result->state_details, "undo of an earlier attempt", &failure);
    adopt_debt(context);
}

/* The attempt that committed may have died before it gave its lock back: taking one removes those
 * of dead processes. If that cannot be done now, the next backup does it. */
static void clear_locks(struct stage_context *context)
{
    struct error ignored;
    if (repository_lock(context->repository, false, context->plan->work.cancel, &ignored) ==
        STATUS_OK)
        context->locked = true;
    preparation_undo(context);
}

static const enum compression compressions[BUCKET_COMPRESSION_COUNT] = {
    [BUCKET_COMPRESSION_UNSET] = COMPRESSION_AUTO, [BUCKET_COMPRESSION_AUTO] = COMPRESSION_AUTO,
    [BUCKET_COMPRESSION_FAST] = COMPRESSION_FAST,  [BUCKET_COMPRESSION_BETTER] = COMPRESSION_BETTER,
    [BUCKET_COMPRESSION_OFF] = COMPRESSION_OFF,
};

/* Whoever has the repository to himself, a prune or a check, may have it for hours: each attempt
 * until then would hold the application for nothing. No lock is taken here: the hooks may take
 * longer than it can go without being renewed. */
static enum status find_or_check_locks(struct stage_context *context, bool *ret_found,
                                       struct error *err)
{
    enum status status = commit_find(context, ret_found, err);
    return status != STATUS_OK || *ret_found
               ? status
               : repository_check_locks(context->repository, false, err);
}

/* Before the application is touched: a bucket that is away or a wrong passphrase freezes nothing.
 */
static enum status open_repository(struct stage_context *context, bool *ret_found,
                                   struct error *err)
{
    const struct stage_plan *plan = context->plan;
    context->stage = "open";
    if (context_report(context, err) != STATUS_OK)
        return err->status;
    point_pass(context->stage);
    if (context_open_store(&plan->work, &context->store, err) != STATUS_OK ||
        context_open_repository(&plan->work, context->store, true, &context->repository, err) !=
            STATUS_OK ||
        stage_bucket_check(plan->work.bucket, err) != STATUS_OK || /* a new one is marked by now */
        find_or_check_locks(context, ret_found, err) != STATUS_OK)
        return FAIL_IN(err, "open");
    repository_set_compression(context->repository, compressions[plan->work.bucket->compression]);
    repository_set_extra_verify(context->repository,
                                plan->work.bucket->extra_verify == BUCKET_EXTRA_VERIFY_ALL
                                    ? EXTRA_VERIFY_ALL
                                    : EXTRA_VERIFY_SAMPLE);
    return STATUS_OK;
}

static void context_done(struct stage_context *context)
{
    if (context->repository != NULL)
        repository_close(context->repository);
    if (context->store != NULL)
        object_store_close(context->store);
    exclude_free(context->exclude);
    undo_record_done(&context->record);
    for (size_t i = 0; context->trails != NULL && i < context->volume_count; i++)
        trail_done(&context->trails[i]);
    free(context->trails);
    free(context->volumes);
}

enum status stage_backup_run(const struct stage_plan *plan, struct stage_result *result,
                             struct error *err)
{
    struct stage_context context = {.plan = plan, .result = result, .state = BACKUP_DISCOVERING};
    context.warnings.details = result->state_details;
    if (check_plan(plan, err) != STATUS_OK)
        return err->status;
    unwind_predecessor(&context);
    bool found = false;
    enum status status = prepare(&context, err);
    if (status == STATUS_OK)
        status = open_repository(&context, &found, err);
    if (status == STATUS_OK && found)
        clear_locks(&context);
    else if (status == STATUS_OK)
        status = pipeline_run(stages, sizeof(stages) / sizeof(stages[0]), &context, err);
    context_done(&context);
    return status;
}
