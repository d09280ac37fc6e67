#include "stored_json.h"

enum status stored_json_read(const void *text, size_t len, json_t **ret_json, struct error *err)
{
    struct error cause = {0};
    json_auto_t *json = NULL;
    if (json_read(text == NULL ? "" : text, len, &json, &cause) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "%s", cause.text);
    if (!json_is_object(json))
        return FAIL(err, STATUS_CORRUPT, "not a JSON object");
    *ret_json = json_incref(json);
    return STATUS_OK;
}
