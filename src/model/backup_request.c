/* What a caller may ask for. Everything here comes from outside: the schema is closed, every array
 * and text has a limit, and the error names the field without repeating bytes that are not text. */
#include "core/cleanup.h"
#include "core/json.h"
#include "core/utf8.h"
#include "fields.h"
#include "model/backup.h"
#include "model/detail.h"
#include "request_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 64, LABEL_TEXT_MAX = 255 };

#define READ_ONLY_PREFIX "astra.netapp.io/labels/read-only/"

static enum status check_label_text(const json_t *label, const char *field, size_t min,
                                    struct error *err)
{
    const char *text = NULL;
    if (json_get_text(label, field, &text, err) != STATUS_OK)
        return error_status(err);
    size_t count = utf8_count(text);
    if (count < min || count > LABEL_TEXT_MAX)
        return FAIL(err, STATUS_INVALID, "'%s' must have %zu to %d characters, not %zu", field, min,
                    LABEL_TEXT_MAX, count);
    return STATUS_OK;
}

static enum status check_label(const json_t *label, struct error *err)
{
    static const char *const known[] = {"name", "value", NULL};
    if (!json_is_object(label))
        return FAIL(err, STATUS_INVALID, "an object with 'name' and 'value' is expected");
    if (json_refuse_unknown(label, known, err) != STATUS_OK)
        return error_status(err);
    if (check_label_text(label, "name", 1, err) != STATUS_OK)
        return error_status(err);
    return check_label_text(label, "value", 0, err);
}

static bool has_equal(const json_t *array, const json_t *item)
{
    size_t i = 0;
    const json_t *present = NULL;
    json_array_foreach(array, i, present)
    {
        if (json_equal(present, item))
            return true;
    }
    return false;
}

/* A label under the read-only prefix is the server's to set: a caller that hands one back, say from
 * a record it has read, means no harm and changes nothing. */
static bool is_servers(const json_t *label)
{
    const char *name = json_string_value(json_object_get(label, "name"));
    return strncmp(name, READ_ONLY_PREFIX, strlen(READ_ONLY_PREFIX)) == 0;
}

static enum status read_label(json_t *label, json_t *labels, struct error *err)
{
    if (check_label(label, err) != STATUS_OK)
        return error_status(err);
    if (is_servers(label))
        return STATUS_OK;
    if (has_equal(labels, label))
        return FAIL(err, STATUS_INVALID, "the same label is there already");
    if (json_array_append(labels, label) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "label");
    return STATUS_OK;
}

enum status backup_labels_read(const json_t *given, json_t *labels, struct error *err)
{
    if (!json_is_array(given))
        return FAIL(err, STATUS_INVALID, "'metadata.labels' must be an array");
    if (json_array_size(given) > LABELS_MAX)
        return FAIL(err, STATUS_INVALID, "'metadata.labels' must have at most %d items, not %zu",
                    LABELS_MAX, json_array_size(given));
    size_t i = 0;
    json_t *label = NULL;
    json_array_foreach(given, i, label)
    {
        if (read_label(label, labels, err) != STATUS_OK)
            return FAIL_IN(err, "'metadata.labels[%zu]'", i);
    }
    return STATUS_OK;
}

static enum status read_metadata(const json_t *body, json_t *labels, struct error *err)
{
    const json_t *metadata = json_object_get(body, "metadata");
    if (metadata == NULL)
        return STATUS_OK;
    if (!json_is_object(metadata))
        return FAIL(err, STATUS_INVALID, "'metadata' must be an object");
    const json_t *given = json_object_get(metadata, "labels");
    return given == NULL ? STATUS_OK : backup_labels_read(given, labels, err);
}

static enum status read_request(const json_t *body, struct backup_request *request,
                                struct error *err)
{
    static const char *const known[] = {"type",       "version",  "name", "bucketID",
                                        "snapshotID", "metadata", NULL};
    static const char *const versions[] = {"1.0", "1.1", "1.2", NULL};
    if (!json_is_object(body))
        return FAIL(err, STATUS_INVALID, "the body must be an object");
    if (json_refuse_unknown(body, known, err) != STATUS_OK)
        return error_status(err);
    if (request_read_type(body, BACKUP_TYPE, err) != STATUS_OK)
        return error_status(err);
    if (request_read_version(body, versions, request->version, err) != STATUS_OK)
        return error_status(err);
    if (request_read_name(body, request->name, err) != STATUS_OK)
        return error_status(err);
    if (request_read_id(body, "bucketID", request->bucket, err) != STATUS_OK)
        return error_status(err);
    if (request_read_id(body, "snapshotID", request->snapshot, err) != STATUS_OK)
        return error_status(err);
    return read_metadata(body, request->labels, err);
}

enum status backup_request_read(const json_t *body, struct backup_request *ret_request,
                                struct error *err)
{
    struct backup_request request = {.labels = json_array()};
    if (request.labels == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "backup request");
    if (read_request(body, &request, err) != STATUS_OK) {
        backup_request_done(&request);
        request_keep_whole_characters(err);
        return error_status(err);
    }
    *ret_request = request;
    return STATUS_OK;
}

void backup_request_done(struct backup_request *request)
{
    json_decref(request->labels);
    memset(request, 0, sizeof(*request));
}

enum status backup_cancel_request_read(const json_t *body,
                                       struct backup_cancel_request *ret_request, struct error *err)
{
    static const char *const known[] = {"reason", NULL};
    const char *reason = NULL;
    if (!json_is_object(body))
        return FAIL(err, STATUS_INVALID, "the body must be an object");
    if (json_refuse_unknown(body, known, err) != STATUS_OK ||
        json_get_optional_text(body, "reason", &reason, err) != STATUS_OK) {
        request_keep_whole_characters(err);
        return error_status(err);
    }
    if (reason == NULL)
        reason = "";
    if (utf8_count(reason) > CANCEL_REASON_MAX)
        return FAIL(err, STATUS_INVALID, "'reason' must have at most %d characters, not %zu",
                    CANCEL_REASON_MAX, utf8_count(reason));
    memcpy(ret_request->reason, reason, strlen(reason) + 1);
    return STATUS_OK;
}

char *backup_request_canonical(const struct backup_request *request)
{
    json_auto_t *json = json_pack("{s:s, s:s, s:s, s:s, s:O}", "version", request->version, "name",
                                  request->name, "bucket", request->bucket, "snapshot",
                                  request->snapshot, "labels", request->labels);
    return json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
}
