#include "fields.h"

#include "core/cleanup.h"
#include "core/id.h"
#include "core/json.h"
#include "core/utf8.h"
#include "model/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef enum status field_set_fn(const struct field *field, void *member, const char *value,
                                 struct error *err);

size_t names_find(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return 0;
}

static enum status set_text(const struct field *field, void *member, const char *value,
                            struct error *err)
{
    size_t len = strlen(value);
    if (len >= field->size)
        return FAIL(err, STATUS_CORRUPT, "%zu bytes, at most %zu are expected", len,
                    field->size - 1);
    if (!utf8_is_valid(value))
        return FAIL(err, STATUS_CORRUPT, "not UTF-8");
    memcpy(member, value, len + 1);
    return STATUS_OK;
}

static enum status set_id(const struct field *field, void *member, const char *value,
                          struct error *err)
{
    if (*value != '\0' && !id_is_valid(value))
        return FAIL(err, STATUS_CORRUPT, "not an id");
    return set_text(field, member, value, err);
}

static enum status set_label(const struct field *field, void *member, const char *value,
                             struct error *err)
{
    if (*value != '\0' && !name_is_label(value))
        return FAIL(err, STATUS_CORRUPT, "not a name of 1 to %d characters", NAME_SIZE - 1);
    return set_text(field, member, value, err);
}

static enum status set_host(const struct field *field, void *member, const char *value,
                            struct error *err)
{
    if (*value != '\0' && !name_is_host(value))
        return FAIL(err, STATUS_CORRUPT, "not a host name");
    return set_text(field, member, value, err);
}

static enum status set_integer(const struct field *field, void *member, const char *value,
                               struct error *err)
{
    (void)field;
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool starts_well = *value == '-' || (*value >= '0' && *value <= '9');
    if (!starts_well || errno != 0 || end == value || *end != '\0')
        return FAIL(err, STATUS_CORRUPT, "not a number");
    *(int64_t *)member = number;
    return STATUS_OK;
}

static enum status set_flag(const struct field *field, void *member, const char *value,
                            struct error *err)
{
    (void)field;
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return FAIL(err, STATUS_CORRUPT, "neither 0 nor 1");
    *(bool *)member = *value == '1';
    return STATUS_OK;
}

static enum status set_choice(const struct field *field, void *member, const char *value,
                              struct error *err)
{
    size_t index = names_find(field->choices, field->choice_count, value);
    if (index == 0 && *value != '\0')
        return FAIL(err, STATUS_CORRUPT, "an unknown word");
    unsigned stored = (unsigned)index; /* what gcc and clang make of an enum without negatives */
    assert(field->size == sizeof(stored));
    memcpy(member, &stored, sizeof(stored));
    return STATUS_OK;
}

static enum status set_array(void *member, const char *value, json_type element,
                             const char *elements, struct error *err)
{
    size_t len = strlen(value);
    if (len > FIELD_JSON_MAX)
        return FAIL(err, STATUS_CORRUPT, "%zu bytes, at most %d are expected", len, FIELD_JSON_MAX);
    json_auto_t *array = NULL;
    if (json_read(value, len, &array, err) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "not JSON");
    if (!json_is_array(array))
        return FAIL(err, STATUS_CORRUPT, "not an array of %s", elements);
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(array, i, item)
    {
        if (json_typeof(item) != element)
            return FAIL(err, STATUS_CORRUPT, "not an array of %s", elements);
    }
    json_t **slot = member;
    json_decref(*slot);
    *slot = STEAL(array);
    return STATUS_OK;
}

static enum status set_texts(const struct field *field, void *member, const char *value,
                             struct error *err)
{
    (void)field;
    return set_array(member, value, JSON_STRING, "strings", err);
}

static enum status set_objects(const struct field *field, void *member, const char *value,
                               struct error *err)
{
    (void)field;
    return set_array(member, value, JSON_OBJECT, "objects", err);
}

static field_set_fn *const set_kind[FIELD_KIND_COUNT] = {
    [FIELD_TEXT] = set_text,     [FIELD_ID] = set_id,           [FIELD_LABEL] = set_label,
    [FIELD_HOST] = set_host,     [FIELD_INTEGER] = set_integer, [FIELD_FLAG] = set_flag,
    [FIELD_CHOICE] = set_choice, [FIELD_TEXTS] = set_texts,     [FIELD_OBJECTS] = set_objects,
};

enum status fields_set(const struct field *fields, size_t count, void *record, const char *name,
                       const char *value, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        void *member = (char *)record + fields[i].offset;
        if (set_kind[fields[i].kind](&fields[i], member, value, err) != STATUS_OK)
            return FAIL_IN(err, "field '%s'", name);
        break;
    }
    return STATUS_OK;
}
