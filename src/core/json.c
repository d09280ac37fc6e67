#include "core/json.h"

#include "core/cleanup.h"

#include <stdio.h>
#include <string.h>

enum { USUAL_BYTES = 1000 }; /* a resource fits */

enum status json_read(const char *bytes, size_t len, json_t **ret_json, struct error *err)
{
    json_error_t cause;
    json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &cause);
    if (json == NULL)
        return FAIL(err, STATUS_INVALID, "not JSON: line %d column %d: %s", cause.line,
                    cause.column, cause.text);
    *ret_json = json;
    return STATUS_OK;
}

/* How much of the text comes before what must be escaped (RFC 8259 section 7). */
static size_t plain_length(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && (unsigned char)text[i] >= ' ' && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

static enum status add_escaped(struct buffer *buffer, char c, struct error *err)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, its letter */
    for (const char *pair = named; *pair != '\0'; pair += 2)
        if (*pair == c)
            return buffer_add(buffer, (const char[]){'\\', pair[1]}, 2, err);
    char text[8];
    (void)snprintf(text, sizeof(text), "\\u%04X", (unsigned)c);
    return buffer_add_text(buffer, text, err);
}

static enum status add_string(struct buffer *buffer, const char *text, size_t len,
                              struct error *err)
{
    if (buffer_add(buffer, "\"", 1, err) != STATUS_OK)
        return error_status(err);
    while (len > 0) {
        size_t plain = plain_length(text, len);
        if (buffer_add(buffer, text, plain, err) != STATUS_OK)
            return error_status(err);
        text += plain;
        len -= plain;
        if (len == 0)
            break;
        if (add_escaped(buffer, *text++, err) != STATUS_OK)
            return error_status(err);
        len--;
    }
    return buffer_add(buffer, "\"", 1, err);
}

static enum status add_integer(struct buffer *buffer, json_int_t number, struct error *err)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);
    return buffer_add_text(buffer, text, err);
}

static enum status add_real(struct buffer *buffer, const json_t *json, struct error *err)
{
    char text[64];
    size_t len = json_dumpb(json, text, sizeof(text), JSON_ENCODE_ANY);
    assert(len > 0 && len <= sizeof(text));
    return buffer_add(buffer, text, len, err);
}

/* NOLINTBEGIN(misc-no-recursion): a value has values in it; json_read() bounds how deep */
static enum status add_array(struct buffer *buffer, const json_t *json, struct error *err)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (buffer_add(buffer, i == 0 ? "[" : ",", 1, err) != STATUS_OK ||
            json_add(buffer, json_array_get(json, i), err) != STATUS_OK)
            return error_status(err);
    }
    return buffer_add_text(buffer, json_array_size(json) == 0 ? "[]" : "]", err);
}

static enum status add_object(struct buffer *buffer, const json_t *json, struct error *err)
{
    const char *separator = "{";
    const char *name = NULL;
    json_t *value = NULL;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): jansson iterates over nothing const */
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        if (buffer_add(buffer, separator, 1, err) != STATUS_OK ||
            add_string(buffer, name, strlen(name), err) != STATUS_OK ||
            buffer_add(buffer, ":", 1, err) != STATUS_OK ||
            json_add(buffer, value, err) != STATUS_OK)
            return error_status(err);
        separator = ",";
    }
    return buffer_add_text(buffer, *separator == '{' ? "{}" : "}", err);
}

enum status json_add(struct buffer *buffer, const json_t *json, struct error *err)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return add_object(buffer, json, err);
    case JSON_ARRAY:
        return add_array(buffer, json, err);
    case JSON_STRING:
        return add_string(buffer, json_string_value(json), json_string_length(json), err);
    case JSON_INTEGER:
        return add_integer(buffer, json_integer_value(json), err);
    case JSON_REAL:
        return add_real(buffer, json, err);
    case JSON_TRUE:
        return buffer_add_text(buffer, "true", err);
    case JSON_FALSE:
        return buffer_add_text(buffer, "false", err);
    case JSON_NULL:
        break;
    }
    return buffer_add_text(buffer, "null", err);
}

/* NOLINTEND(misc-no-recursion) */

char *json_write(const json_t *json)
{
    CLEANUP(buffer_done) struct buffer text;
    buffer_init(&text, SIZE_MAX / 2);
    struct error err = {.status = STATUS_OK};
    if (buffer_reserve(&text, USUAL_BYTES, &err) != STATUS_OK ||
        json_add(&text, json, &err) != STATUS_OK)
        return NULL;
    return (char *)STEAL(text.bytes);
}

static const char *type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

enum status json_get_optional_text(const json_t *object, const char *field, const char **ret_text,
                                   struct error *err)
{
    const json_t *value = json_object_get(object, field);
    if (value != NULL && !json_is_string(value))
        return FAIL(err, STATUS_INVALID, "'%s' must be a string, not %s", field, type_name(value));
    *ret_text = json_string_value(value);
    return STATUS_OK;
}

enum status json_get_text(const json_t *object, const char *field, const char **ret_text,
                          struct error *err)
{
    if (json_object_get(object, field) == NULL)
        return FAIL(err, STATUS_INVALID, "'%s' is required", field);
    return json_get_optional_text(object, field, ret_text, err);
}

enum status json_get_integer(const json_t *object, const char *field, int64_t *ret_number,
                             struct error *err)
{
    const json_t *value = json_object_get(object, field);
    if (value == NULL)
        return FAIL(err, STATUS_INVALID, "'%s' is required", field);
    if (!json_is_integer(value))
        return FAIL(err, STATUS_INVALID, "'%s' must be an integer, not %s", field,
                    type_name(value));
    *ret_number = json_integer_value(value);
    return STATUS_OK;
}

static bool is_listed(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

enum status json_refuse_unknown(const json_t *object, const char *const *known, struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): jansson iterates over nothing const */
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!is_listed(name, known))
            return FAIL(err, STATUS_INVALID, "'%s' is not a field of this resource", name);
    }
    return STATUS_OK;
}
