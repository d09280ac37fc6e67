#include "problem.h"

#include "api/reasons.h"
#include "core/cleanup.h"
#include "core/json.h"
#include "model/detail.h"

#include <stdio.h>
#include <string.h>

struct problem_kind {
    enum problem_number number;
    enum http_code code;
    const char *title;
    const char *detail;
    const char *list; /* the member that holds {name, reason}; NULL for none */
};

/* clang-format off */
static const struct problem_kind kinds[] = {
    {PROBLEM_RESOURCE_NOT_FOUND, HTTP_CODE_NOT_FOUND, "Resource not found",
     "Nothing has the ID at the end of the path.", NULL},
    {PROBLEM_COLLECTION_NOT_FOUND, HTTP_CODE_NOT_FOUND, "Collection not found",
     "No resource of this account is at this path.", NULL},
    {PROBLEM_TOKEN_MISSING, HTTP_CODE_UNAUTHORIZED, "Missing bearer token",
     "The request needs the header 'Authorization: Bearer <token>'.", NULL},
    {PROBLEM_TOKEN_INVALID, HTTP_CODE_UNAUTHORIZED, "Invalid bearer token",
     "The bearer token is none of those that this service knows.", NULL},
    {PROBLEM_QUERY_INVALID, HTTP_CODE_BAD_REQUEST, "Invalid query parameters",
     "A query parameter has a value that cannot be read.", "invalidParams"},
    {PROBLEM_QUERY_UNSUPPORTED, HTTP_CODE_BAD_REQUEST, "Query parameters not supported",
     "This operation does not take such a query parameter.", "invalidParams"},
    {PROBLEM_JSON_PAYLOAD, HTTP_CODE_BAD_REQUEST, "Invalid JSON payload",
     "The body is not one JSON value with unique keys.", NULL},
    {PROBLEM_JSON_SCHEMA, HTTP_CODE_BAD_REQUEST, "Invalid JSON resource",
     "The body is JSON, but not a resource as this operation takes it.", NULL},
    {PROBLEM_KEY_REUSED, HTTP_CODE_CONFLICT, "JSON resource conflict",
     "The 'Idempotency-Key' was used for another request, or its backup has been deleted.", NULL},
    {PROBLEM_NOT_PERMITTED, HTTP_CODE_FORBIDDEN, "Operation not permitted",
     "The role of this token does not allow the operation.", NULL},
    {PROBLEM_HEADERS_INVALID, HTTP_CODE_BAD_REQUEST, "Invalid headers",
     "The head of the request cannot be read or does not fit the operation.", "invalidParams"},
    {PROBLEM_NOT_ACCEPTABLE, HTTP_CODE_NOT_ACCEPTABLE, "Unsupported content type",
     "The header 'Accept' names no media type that this operation can answer with.", NULL},
    {PROBLEM_ACCOUNT_ID, HTTP_CODE_BAD_REQUEST, "Invalid account ID",
     "The account ID in the path is not a lower-case UUID.", NULL},
    {PROBLEM_INTERNAL, HTTP_CODE_INTERNAL, "Internal server error",
     "The request could not be served; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_RESOURCE_ID, HTTP_CODE_BAD_REQUEST, "Invalid resource ID",
     "A resource ID in the path is not a lower-case UUID.", NULL},
    {PROBLEM_NOT_READY, HTTP_CODE_UNAVAILABLE, "Service not ready",
     "The service cannot reach its store, or is too busy at the moment; the same request may succeed soon.", NULL},
    {PROBLEM_SNAPSHOT_NOT_FOUND, HTTP_CODE_BAD_REQUEST, "Snapshot not found",
     "The snapshot named by 'snapshotID' does not exist.", NULL},
    {PROBLEM_SNAPSHOT_FOREIGN, HTTP_CODE_FORBIDDEN, "Snapshot operation not allowed",
     "The snapshot named by 'snapshotID' is one of another app.", NULL},
    {PROBLEM_METHOD, HTTP_CODE_METHOD_NOT_ALLOWED, "Method not supported",
     "This path does not take the method; the header 'Allow' lists those that it takes.", NULL},
    {PROBLEM_BACKUP_NOT_FOUND, HTTP_CODE_BAD_REQUEST, "Backup not found",
     "The backup named by 'backupID' does not exist.", NULL},
    {PROBLEM_BACKUP_FOREIGN, HTTP_CODE_FORBIDDEN, "Application not valid",
     "The backup named by 'backupID' is one of another app.", NULL},
    {PROBLEM_HEADER_MISSING, HTTP_CODE_FORBIDDEN, "Missing request header",
     "A restore in place replaces the app's data: it needs the header 'ForceUpdate: true'.", NULL},
    {PROBLEM_BODY_TOO_LARGE, HTTP_CODE_TOO_LARGE, "Request body too large",
     "The request is larger than the limit in this service's configuration.", NULL},
    {PROBLEM_BACKUP_NOT_CREATED, HTTP_CODE_INTERNAL, "Backup not created",
     "The backup could not be recorded; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_BACKUP_NOT_RETRIEVED, HTTP_CODE_INTERNAL, "Backup not retrieved",
     "The backup could not be read; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_BACKUPS_NOT_LISTED, HTTP_CODE_INTERNAL, "Backups not listed",
     "The backups could not be read; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_BACKUP_NOT_DELETED, HTTP_CODE_INTERNAL, "Backup not deleted",
     "The deletion could not be recorded; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_RESOURCES_NOT_LISTED, HTTP_CODE_INTERNAL, "Resources not listed",
     "The collection could not be read; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_RESOURCE_NOT_UPDATED, HTTP_CODE_INTERNAL, "Resource not updated",
     "The request could not be recorded; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_RESOURCE_NOT_RETRIEVED, HTTP_CODE_INTERNAL, "Resource not retrieved",
     "The resource could not be read; the log has the reason under the correlation ID.", NULL},
    {PROBLEM_BUCKET_NOT_FOUND, HTTP_CODE_BAD_REQUEST, "Bucket not found",
     "The bucket named by 'bucketID' does not exist, or not for this account.", NULL},
    {PROBLEM_APP_NOT_READY, HTTP_CODE_CONFLICT, "Application not ready",
     "The app is being restored or backed up already, or too much waits to be done with it.", NULL},
    {PROBLEM_NO_BUCKET, HTTP_CODE_BAD_REQUEST, "Bucket unavailable",
     "The request names no bucket, and there is no default bucket.", NULL},
    {PROBLEM_CANCEL_NOT_ALLOWED, HTTP_CODE_CONFLICT, "Backup cancellation not allowed",
     "The backup is in a state in which it cannot be cancelled, or not be deleted.", NULL},
    {PROBLEM_BACKUP_IN_USE, HTTP_CODE_CONFLICT, "Backup or snapshot not deleted",
     "A restore of the backup waits or is running; it can be deleted afterwards.", NULL},
    {PROBLEM_NAME_TAKEN, HTTP_CODE_CONFLICT, "Backup with the same name exists",
     "Another backup of this app has the name.", NULL},
    {PROBLEM_RESTORE_NOT_SUPPORTED, HTTP_CODE_CONFLICT, "In-place restore not supported",
     "The backup is not in state 'completed'.", NULL},
    {PROBLEM_RESTORE_SELECTIVE, HTTP_CODE_CONFLICT, "Selective restore not supported",
     "In place an app is restored as a whole, without 'restoreFilter'.", NULL},
    {PROBLEM_ALREADY_DELETING, HTTP_CODE_CONFLICT, "Backup deletion in progress",
     "The backup is being deleted already.", NULL},
};

/* clang-format on */

/* What the catalogue has no problem for. */
static const char *detail_of(enum http_code code)
{
    return code == HTTP_CODE_TIMEOUT ? "The request did not arrive as a whole in time."
                                     : "The server does not serve such a request.";
}

static const struct problem_kind *find_kind(enum problem_number number)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].number == number)
            return &kinds[i];
    return NULL;
}

enum problem_number problem_from_reason(const char *reason)
{
    for (size_t i = 0; i < API_PROBLEM_REASONS; i++)
        if (strcmp(reason_code(api_problem_reasons[i].reason), reason) == 0)
            return (enum problem_number)api_problem_reasons[i].number;
    return PROBLEM_NONE;
}

enum http_code problem_code(enum problem_number number)
{
    const struct problem_kind *kind = find_kind(number);
    return kind == NULL ? HTTP_CODE_INTERNAL : kind->code;
}

void problem_set(struct problem *problem, enum problem_number number)
{
    problem_done(problem);
    problem->number = number;
}

void problem_done(struct problem *problem)
{
    json_decref(problem->extra);
    *problem = (struct problem){.number = PROBLEM_NONE};
}

static json_t *clean_string(const char *text)
{
    CLEANUP(freep) char *clean = NULL;
    clean = detail_clean_text(text, strlen(text), DETAIL_TEXT_MAX);
    return clean == NULL ? NULL : json_string(clean);
}

static void set_member(struct problem *problem, const char *name, json_t *value)
{
    if (problem->extra == NULL)
        problem->extra = json_object();
    if (json_object_set_new(problem->extra, name, value) != 0) {
        /* no memory: the problem stands without this member */
    }
}

void problem_add_reason(struct problem *problem, enum problem_number number, const char *name,
                        const char *reason)
{
    problem->number = number;
    const struct problem_kind *kind = find_kind(number);
    assert(kind != NULL && kind->list != NULL);

    json_t *list = json_object_get(problem->extra, kind->list);
    if (list == NULL) {
        set_member(problem, kind->list, json_array());
        list = json_object_get(problem->extra, kind->list);
    }
    json_t *entry =
        json_pack("{s:o, s:o}", "name", clean_string(name), "reason", clean_string(reason));
    if (json_array_append_new(list, entry) != 0) {
        /* no memory: said in the header */
    }
}

void problem_set_schema_failure(struct problem *problem, const char *text)
{
    problem_set(problem, PROBLEM_JSON_SCHEMA);
    set_member(problem, "schemaValidationFailure", clean_string(text));
}

void problem_set_body_failure(struct problem *problem, const struct error *err)
{
    if (status_is_transient(err->status))
        problem_set(problem, PROBLEM_NOT_READY);
    else
        problem_set_schema_failure(problem, err->text);
}

char *problem_write(const struct problem *problem, enum http_code otherwise,
                    const char *correlation_id)
{
    const struct problem_kind *kind = find_kind(problem->number);
    char type[64] = "about:blank";
    if (kind != NULL)
        (void)snprintf(type, sizeof(type), "https://astra.netapp.io/problems/%d",
                       (int)problem->number);
    char status[8];
    (void)snprintf(status, sizeof(status), "%d", (int)(kind == NULL ? otherwise : kind->code));

    json_auto_t *document = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", type, "title",
                                      kind == NULL ? "Request refused" : kind->title, "detail",
                                      kind == NULL ? detail_of(otherwise) : kind->detail, "status",
                                      status, "correlationID", correlation_id);
    if (problem->extra != NULL && json_object_update_missing(document, problem->extra) != 0)
        return NULL;
    return document == NULL ? NULL : json_write(document);
}
