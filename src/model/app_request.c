/* What a caller may ask of an app: to be restored in place. */
#include "core/json.h"
#include "model/app.h"
#include "request_fields.h"

static enum status read_request(const json_t *body, struct app_restore_request *request,
                                struct error *err)
{
    static const char *const known[] = {"type",       "version",       "backupID",
                                        "snapshotID", "restoreFilter", NULL};
    static const char *const versions[] = {"2.0", "2.1", "2.2", NULL};
    char version[VERSION_SIZE];
    if (!json_is_object(body))
        return FAIL(err, STATUS_INVALID, "the body must be an object");
    if (json_refuse_unknown(body, known, err) != STATUS_OK ||
        request_read_type(body, APP_TYPE, err) != STATUS_OK ||
        request_read_version(body, versions, version, err) != STATUS_OK ||
        request_read_id(body, "backupID", request->backup, err) != STATUS_OK ||
        request_read_id(body, "snapshotID", request->snapshot, err) != STATUS_OK)
        return error_status(err);
    if ((request->backup[0] == '\0') == (request->snapshot[0] == '\0'))
        return FAIL(err, STATUS_INVALID, "one of 'backupID' and 'snapshotID' is expected");
    const json_t *filter = json_object_get(body, "restoreFilter");
    if (filter != NULL && !json_is_object(filter))
        return FAIL(err, STATUS_INVALID, "'restoreFilter' must be an object");
    request->selective = filter != NULL;
    return STATUS_OK;
}

enum status app_restore_request_read(const json_t *body, struct app_restore_request *ret_request,
                                     struct error *err)
{
    struct app_restore_request request = {.selective = false};
    if (read_request(body, &request, err) != STATUS_OK) {
        request_keep_whole_characters(err);
        return error_status(err);
    }
    *ret_request = request;
    return STATUS_OK;
}
