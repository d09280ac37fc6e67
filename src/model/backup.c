#include "model/backup.h"

#include "fields.h"
#include "resource_json.h"

#include <string.h>

#define TRIGGER_LABEL "astra.netapp.io/labels/read-only/triggerType"

static const struct field fields[] = {
    FIELD(FIELD_ID, struct backup, id),
    FIELD(FIELD_ID, struct backup, account),
    FIELD(FIELD_ID, struct backup, app),
    FIELD(FIELD_ID, struct backup, bucket),
    FIELD(FIELD_ID, struct backup, snapshot),
    FIELD(FIELD_ID, struct backup, schedule),
    FIELD(FIELD_ID, struct backup, created_by),
    FIELD(FIELD_LABEL, struct backup, app_name),
    FIELD(FIELD_LABEL, struct backup, name),
    FIELD(FIELD_HOST, struct backup, node),
    FIELD(FIELD_TEXT, struct backup, version),
    CHOICE_FIELD(struct backup, state, backup_state_names),
    CHOICE_FIELD(struct backup, hook_state, hook_state_names),
    ARRAY_FIELD(FIELD_OBJECTS, struct backup, labels),
    ARRAY_FIELD(FIELD_TEXTS, struct backup, state_unready),
    ARRAY_FIELD(FIELD_OBJECTS, struct backup, state_details),
    ARRAY_FIELD(FIELD_OBJECTS, struct backup, hook_state_details),
    FIELD(FIELD_INTEGER, struct backup, created_ms),
    FIELD(FIELD_INTEGER, struct backup, modified_ms),
    FIELD(FIELD_INTEGER, struct backup, taken_ms),
    FIELD(FIELD_INTEGER, struct backup, bytes_total),
    FIELD(FIELD_INTEGER, struct backup, bytes_done),
    FIELD(FIELD_INTEGER, struct backup, percent_done),
    FIELD(FIELD_INTEGER, struct backup, revision),
    FIELD(FIELD_TEXT, struct backup, repository_snapshot),
};

const char *backup_state_name(enum backup_state state)
{
    return (unsigned)state < BACKUP_STATE_COUNT ? backup_state_names[state] : "";
}

enum backup_state backup_state_from_name(const char *name)
{
    return (enum backup_state)NAMES_FIND(backup_state_names, name);
}

const char *hook_state_name(enum hook_state state)
{
    return (unsigned)state < HOOK_STATE_COUNT ? hook_state_names[state] : "";
}

enum hook_state hook_state_from_name(const char *name)
{
    return (enum hook_state)NAMES_FIND(hook_state_names, name);
}

enum status backup_init(struct backup *backup, struct error *err)
{
    *backup = (struct backup){
        .labels = json_array(),
        .state_unready = json_array(),
        .state_details = json_array(),
        .hook_state_details = json_array(),
        .bytes_total = -1,
        .bytes_done = -1,
        .revision = 1,
    };
    if (backup->labels != NULL && backup->state_unready != NULL && backup->state_details != NULL &&
        backup->hook_state_details != NULL)
        return STATUS_OK;
    backup_done(backup);
    return FAIL(err, STATUS_NO_MEMORY, "backup");
}

void backup_done(struct backup *backup)
{
    json_decref(backup->labels);
    json_decref(backup->state_unready);
    json_decref(backup->state_details);
    json_decref(backup->hook_state_details);
    memset(backup, 0, sizeof(*backup));
}

enum status backup_set_field(struct backup *backup, const char *field, const char *value,
                             struct error *err)
{
    return FIELDS_SET(fields, backup, field, value, err);
}

enum status backup_from_request(const struct backup_request *request, struct backup *ret_backup,
                                struct error *err)
{
    struct backup backup = {.state = BACKUP_STATE_UNSET};
    if (backup_init(&backup, err) != STATUS_OK)
        return error_status(err);
    backup.state = BACKUP_PENDING;
    memcpy(backup.version, request->version, sizeof(backup.version));
    memcpy(backup.name, request->name, sizeof(backup.name));
    memcpy(backup.bucket, request->bucket, sizeof(backup.bucket));
    memcpy(backup.snapshot, request->snapshot, sizeof(backup.snapshot));
    if (request->labels != NULL) {
        json_decref(backup.labels);
        backup.labels = json_incref(request->labels);
    }
    *ret_backup = backup;
    return STATUS_OK;
}

/* The caller's labels and the server's own. */
static json_t *labels_to_json(const struct backup *backup)
{
    json_t *labels = json_copy(backup->labels);
    json_t *label = json_pack("{s:s, s:s}", "name", TRIGGER_LABEL, "value", "backup");
    if (labels == NULL || json_array_append_new(labels, label) != 0) {
        json_decref(labels);
        return NULL;
    }
    return labels;
}

static json_t *optional_details(bool known, json_t *details)
{
    return known ? json_incref(details) : NULL;
}

enum status backup_to_json(const struct backup *backup, json_t **ret_json, struct error *err)
{
    bool hooks_known = backup->hook_state != HOOK_STATE_UNSET;
    bool totals_known = backup->bytes_total >= 0;
    enum backup_state state = backup->state == BACKUP_STATE_UNSET ? BACKUP_UNKNOWN : backup->state;
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o*, s:o*, s:s, s:O, s:O, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, "
        "s:o}",
        "type", BACKUP_TYPE, "version", backup->version, "id", backup->id, "name", backup->name,
        "bucketID", backup->bucket, "snapshotID", optional_text(backup->snapshot), "scheduleID",
        optional_text(backup->schedule), "state", backup_state_name(state), "stateUnready",
        backup->state_unready, "stateDetails", backup->state_details, "hookState",
        optional_text(hook_state_name(backup->hook_state)), "hookStateDetails",
        optional_details(hooks_known, backup->hook_state_details), "backupCreationTimestamp",
        optional_time(backup->taken_ms), "totalBytes",
        optional_count(totals_known, backup->bytes_total), "bytesDone",
        optional_count(totals_known, backup->bytes_done), "percentDone",
        optional_count(totals_known, backup->percent_done), "metadata",
        metadata_new(labels_to_json(backup), backup->created_ms, backup->modified_ms,
                     backup->created_by));
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "backup '%s' as JSON", backup->id);
    *ret_json = json;
    return STATUS_OK;
}
