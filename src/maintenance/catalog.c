#include "access/bucket.h"
#include "access/tags.h"
#include "core/json.h"
#include "core/point.h"
#include "maintenance/maintenance.h"
#include "model/backup.h"
#include "model/detail.h"
#include "model/names.h"
#include "repository/snapshot.h"

#include <string.h>

/* Somebody else's snapshot, made with restic, has no such tags, or anything in them. */
static bool is_ours(const char *backup, const char *name)
{
    return backup != NULL && id_is_valid(backup) && name != NULL && name_is_label(name);
}

static bool is_version(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < VERSION_SIZE && strspn(text, "0123456789.") == len;
}

static bool are_labels(const json_t *labels)
{
    size_t i = 0;
    json_t *label = NULL;
    json_array_foreach(labels, i,
                       label) if (!json_is_string(json_object_get(label, "name")) ||
                                  !json_is_string(json_object_get(label, "value"))) return false;
    return json_array_size(labels) > 0;
}

/* What older snapshots do not tell, and what somebody has changed, is left out. */
static enum status add_request(const struct repository_snapshot *snapshot, json_t *entry,
                               struct error *err)
{
    const char *by = tag_value(snapshot, TAG_BY);
    const char *version = tag_value(snapshot, TAG_VERSION);
    const char *text = tag_value(snapshot, TAG_LABELS);
    struct error ignored = {0};
    json_auto_t *labels = NULL;
    bool has_labels = text != NULL &&
                      json_read(text, strlen(text), &labels, &ignored) == STATUS_OK &&
                      are_labels(labels);
    if ((by != NULL && id_is_valid(by) &&
         json_object_set_new(entry, "created_by", json_string(by)) != 0) ||
        (version != NULL && is_version(version) &&
         json_object_set_new(entry, "version", json_string(version)) != 0) ||
        (has_labels && json_object_set(entry, "labels", labels) != 0))
        return FAIL(err, STATUS_NO_MEMORY, "catalogue");
    return STATUS_OK;
}

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err)
{
    json_t *entries = context;
    const char *backup = tag_value(snapshot, TAG_BACKUP);
    const char *name = tag_value(snapshot, TAG_NAME);
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
    return add_request(snapshot, entry, err);
}

static enum status read_all(struct repository *repository, struct work_result *result,
                            json_t *entries, struct error *err)
{
    point_pass("catalog");
    enum status status = repository_list_snapshots(repository, on_snapshot, entries, err);
    if (!repository_snapshot_is_unreadable(status))
        return status;
    detail_add(result->state_details, REASON_SNAPSHOT_UNREADABLE, "Snapshot not readable",
               err->text, NULL);
    return STATUS_OK;
}

enum status catalog_run(const struct work *work, struct work_result *result, json_t *entries,
                        struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    if (work_report_stage(work, "open", result, err) != STATUS_OK ||
        work_open_existing(work, &store, &repository, err) != STATUS_OK)
        return FAIL_IN(err, "catalog");
    if (repository == NULL)
        return STATUS_OK;
    if (work_report_stage(work, "list", result, err) != STATUS_OK ||
        read_all(repository, result, entries, err) != STATUS_OK)
        return FAIL_IN(err, "catalog");
    return STATUS_OK;
}

enum status catalog_exists(const struct bucket_definition *bucket, const char *app_id,
                           bool *ret_exists, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    const struct access_bucket_use use = {.below = app_id};
    uint64_t size = 0;
    if (access_bucket_open(bucket, &use, &store, err) != STATUS_OK)
        return error_status(err);
    enum status status = object_store_size(store, "config", &size, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    *ret_exists = status == STATUS_OK;
    return STATUS_OK;
}
