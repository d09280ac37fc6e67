#include "stage/catalog.h"

#include "context.h"
#include "model/detail.h"
#include "model/names.h"
#include "repository/snapshot.h"
#include "stage/bucket.h"
#include "stage/point.h"

#include <string.h>

static const char *tag_value(const struct repository_snapshot *snapshot, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *tag = snapshot->tags; *tag != NULL; tag++)
        if (strncmp(*tag, name, len) == 0)
            return *tag + len;
    return NULL;
}

/* Somebody else's snapshot, made with restic, has no such tags, or anything in them. */
static bool is_ours(const char *backup, const char *name)
{
    return backup != NULL && id_is_valid(backup) && name != NULL && name_is_label(name);
}

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err)
{
    json_t *entries = context;
    const char *backup = tag_value(snapshot, "backup=");
    const char *name = tag_value(snapshot, "name=");
    if (!is_ours(backup, name))
        return STATUS_OK;
    char id[RESTIC_ID_SIZE];
    blob_id_to_text(&snapshot->id, id);
    int64_t taken_ms = (int64_t)snapshot->time.tv_sec * 1000 + snapshot->time.tv_nsec / 1000000;
    json_t *entry =
        json_pack("{s:s, s:s, s:I, s:I, s:s}", "backup", backup, "name", name, "taken_ms",
                  (json_int_t)taken_ms, "bytes", (json_int_t)snapshot->bytes, "snapshot", id);
    if (json_array_append_new(entries, entry) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    return STATUS_OK;
}

static enum status report(const struct stage_catalog_plan *plan, const struct stage_result *result,
                          const char *stage, struct error *err)
{
    const struct stage_report news = {
        .state = BACKUP_RUNNING,
        .stage = stage,
        .bytes_done = result->bytes_done,
        .bytes_total = result->bytes_total,
        .state_details = result->state_details,
    };
    return plan->report(plan->context, &news, err);
}

static enum status read_all(const struct stage_catalog_plan *plan, struct object_store *store,
                            struct stage_result *result, json_t *entries, struct error *err)
{
    const struct stage_plan place = {
        .bucket = plan->bucket,
        .passphrase = plan->passphrase,
        .key = plan->key,
        .cancel = plan->cancel,
    };
    CLEANUP(repository_closep) struct repository *repository = NULL;
    enum status status = context_open_repository(&place, store, false, &repository, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK || report(plan, result, "list", err) != STATUS_OK)
        return error_status(err);
    stage_point("catalog");
    status = repository_list_snapshots(repository, on_snapshot, entries, err);
    if (status != STATUS_CORRUPT && status != STATUS_TOO_LARGE)
        return status;
    detail_add(result->state_details, REASON_SNAPSHOT_UNREADABLE, "Snapshot not readable",
               err->text, NULL);
    return STATUS_OK;
}

enum status stage_catalog_run(const struct stage_catalog_plan *plan, struct stage_result *result,
                              json_t *entries, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    const struct stage_bucket_use use = {
        .below = plan->app_id, .cancel = plan->cancel, .bandwidth = plan->bandwidth};
    if (report(plan, result, "open", err) != STATUS_OK ||
        stage_bucket_open(plan->bucket, &use, &store, err) != STATUS_OK ||
        read_all(plan, store, result, entries, err) != STATUS_OK)
        return FAIL_IN(err, "catalog");
    return STATUS_OK;
}

enum status stage_catalog_exists(const struct bucket_definition *bucket, const char *app_id,
                                 bool *ret_exists, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    const struct stage_bucket_use use = {.below = app_id};
    uint64_t size = 0;
    if (stage_bucket_open(bucket, &use, &store, err) != STATUS_OK)
        return error_status(err);
    enum status status = object_store_size(store, "config", &size, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *ret_exists = status == STATUS_OK;
    return STATUS_OK;
}
