#include "access/bucket.h"
#include "access/figures.h"
#include "access/tags.h"
#include "context.h"
#include "files/owner.h"
#include "model/detail.h"
#include "repository/snapshot.h"
#include "stages.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct timespec time_of(int64_t wall_ms)
{
    return (struct timespec){.tv_sec = wall_ms / 1000, .tv_nsec = wall_ms % 1000 * 1000000};
}

static enum status save(struct backup_context *context, struct error *err)
{
    const struct app_definition *app = context->operation.app;
    struct owner_cache owners = {0};
    struct tags tags = {.labels = NULL};
    struct repository_snapshot snapshot = {
        .time = time_of(context->operation.result->taken_ms),
        .tree = context->tree,
        .paths = (const char *const *)app->volumes,
        .hostname = context->host,
        .username = owner_user(&owners, geteuid()),
        .excludes = (const char *const *)app->excludes,
        .files = context->files.all,
        .files_changed = context->files.changed,
        .files_unmodified = context->files.unmodified,
        .directories = context->directories.all,
        .directories_changed = context->directories.changed,
        .directories_unmodified = context->directories.unmodified,
        .has_parent = context->previous.found,
        .parent = context->previous.snapshot,
        .bytes = (uint64_t)context->operation.result->bytes_total,
    };
    enum status status = tags_set(&context->words, &tags, &snapshot, err);
    if (status == STATUS_OK)
        status = repository_save_snapshot(context->operation.repository, &snapshot, err);
    tags_done(&tags);
    if (status != STATUS_OK)
        return status;
    blob_id_to_text(&snapshot.id, context->operation.result->repository_snapshot);
    return STATUS_OK;
}

enum status commit_run(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    if (repository_flush(context->operation.repository, err) != STATUS_OK)
        return error_status(err);
    /* A snapshot that nobody waits for would have no record, and one in a bucket that was replaced
     * meanwhile no data. */
    if (operation_confirm(&context->operation, err) != STATUS_OK ||
        access_bucket_check(context->operation.work->bucket, err) != STATUS_OK ||
        repository_check_stored(context->operation.repository, err) != STATUS_OK ||
        save(context, err) != STATUS_OK)
        return error_status(err);
    context->operation.committed = true;
    context->operation.result->bytes_done = context->operation.result->bytes_total;
    return STATUS_OK;
}

struct search {
    struct previous_choice *previous;
    char tag[TAG_SIZE];
    struct work_result *result;
    bool found;
};

static bool has_tag(const struct repository_snapshot *snapshot, const char *tag)
{
    for (const char *const *present = snapshot->tags; *present != NULL; present++)
        if (strcmp(*present, tag) == 0)
            return true;
    return false;
}

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err UNUSED)
{
    struct search *search = context;
    previous_choice_consider(search->previous, snapshot);
    if (search->found || !has_tag(snapshot, search->tag))
        return STATUS_OK;
    search->found = true;
    struct work_result *result = search->result;
    const struct figures figures = figures_of(snapshot);
    blob_id_to_text(&snapshot->id, result->repository_snapshot);
    result->taken_ms = figures.taken_ms;
    result->bytes_total = figures.bytes;
    result->bytes_done = figures.bytes;
    return STATUS_OK;
}

/* One that cannot be read may be of an earlier attempt of this very backup, or the one to compare
 * with. The first costs a second snapshot with the same tag, the other some reading: both are
 * better than no backup until somebody has mended the bucket. */
static void warn_unreadable(struct backup_context *context, const struct error *cause)
{
    char text[DETAIL_TEXT_MAX];
    (void)snprintf(text, sizeof(text),
                   "%.300s: verify the app, and delete the backup that is then 'removed'; what no "
                   "backup belongs to is removed by hand",
                   cause->text);
    detail_add(context->operation.result->state_details, REASON_SNAPSHOT_UNREADABLE,
               "Snapshot not readable", text, NULL);
}

enum status commit_find(struct backup_context *context, bool *ret_found, struct error *err)
{
    const struct app_definition *app = context->operation.app;
    char app_tag[TAG_SIZE];
    if (gethostname(context->host, sizeof(context->host) - 1) != 0)
        return FAIL_ERRNO(err, "host name");
    tag_write(TAG_APP, app->app.name, app_tag);
    context->previous = (struct previous_choice){
        .host = context->host,
        .paths = (const char *const *)app->volumes,
        .app_tag = app_tag,
    };
    struct search search = {.result = context->operation.result, .previous = &context->previous};
    tag_write(TAG_BACKUP, context->operation.backup, search.tag);
    enum status status =
        repository_list_snapshots(context->operation.repository, on_snapshot, &search, err);
    if (repository_snapshot_is_unreadable(status))
        warn_unreadable(context, err);
    else if (status != STATUS_OK)
        return status;
    context->previous.app_tag = NULL; /* it ends here */
    *ret_found = search.found;
    return STATUS_OK;
}
