#include "core/json.h"

#include <string.h>

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

char *json_write(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
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
