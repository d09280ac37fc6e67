#include "request_fields.h"

#include "core/cleanup.h"
#include "core/json.h"
#include "core/utf8.h"
#include "model/detail.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 64 };

/* A value of the caller for an error text: bounded, whole characters. */
enum status request_refuse_value(const char *field, const char *expected, const char *value,
                                 struct error *err)
{
    CLEANUP(freep) char *shown = detail_clean_text(value, strlen(value), SHOWN_MAX);
    bool cut = utf8_count(value) > SHOWN_MAX;
    return FAIL(err, STATUS_INVALID, "'%s' must be %s, not \"%s\"%s", field, expected,
                shown == NULL ? "" : shown, cut ? "..." : "");
}

enum status request_read_type(const json_t *body, const char *wanted, struct error *err)
{
    const char *type = NULL;
    char expected[64];
    if (json_get_text(body, "type", &type, err) != STATUS_OK)
        return err->status;
    (void)snprintf(expected, sizeof(expected), "\"%s\"", wanted);
    return strcmp(type, wanted) == 0 ? STATUS_OK
                                     : request_refuse_value("type", expected, type, err);
}

enum status request_read_id(const json_t *body, const char *field, char id[ID_SIZE],
                            struct error *err)
{
    const char *text = NULL;
    if (json_get_optional_text(body, field, &text, err) != STATUS_OK)
        return err->status;
    if (text == NULL)
        return STATUS_OK;
    if (!id_is_valid(text))
        return request_refuse_value(field, "a UUID in lower case", text, err);
    memcpy(id, text, ID_SIZE);
    return STATUS_OK;
}

void request_keep_whole_characters(struct error *err)
{
    CLEANUP(freep) char *clean = detail_clean_text(err->text, strlen(err->text), ERROR_TEXT_MAX);
    if (clean != NULL)
        memcpy(err->text, clean, strlen(clean) + 1);
}
