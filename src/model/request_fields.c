#include "request_fields.h"

#include "core/cleanup.h"
#include "core/json.h"
#include "core/utf8.h"
#include "model/detail.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 64 };

/* What the error text shows of a value is bounded, and has whole characters. */
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
        return error_status(err);
    (void)snprintf(expected, sizeof(expected), "\"%s\"", wanted);
    return strcmp(type, wanted) == 0 ? STATUS_OK
                                     : request_refuse_value("type", expected, type, err);
}

/* "\"1.0\", \"1.1\" or \"1.2\"" */
static void list_versions(const char *const *versions, char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; versions[i] != NULL && used < size; i++) {
        const char *before = i == 0 ? "" : versions[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", before, versions[i]);
    }
}

enum status request_read_version(const json_t *body, const char *const *versions,
                                 char version[VERSION_SIZE], struct error *err)
{
    const char *text = NULL;
    char expected[64];
    if (json_get_text(body, "version", &text, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; versions[i] != NULL; i++) {
        if (strcmp(versions[i], text) == 0) {
            memcpy(version, text, strlen(text) + 1);
            return STATUS_OK;
        }
    }
    list_versions(versions, expected, sizeof(expected));
    return request_refuse_value("version", expected, text, err);
}

enum status request_read_name(const json_t *body, char name[NAME_SIZE], struct error *err)
{
    const char *text = NULL;
    if (json_get_optional_text(body, "name", &text, err) != STATUS_OK)
        return error_status(err);
    if (text == NULL)
        return STATUS_OK;
    if (!name_is_label(text))
        return request_refuse_value(
            "name", "1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end", text, err);
    memcpy(name, text, strlen(text) + 1);
    return STATUS_OK;
}

enum status request_read_id(const json_t *body, const char *field, char id[ID_SIZE],
                            struct error *err)
{
    const char *text = NULL;
    if (json_get_optional_text(body, field, &text, err) != STATUS_OK)
        return error_status(err);
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
