/*
 * Fields: the Redis hash of a noun as a table, so that each noun's set_field() is data and not a
 * chain of ifs, and all of them refuse the same damage with the same words.
 */
#ifndef MODEL_FIELDS_H
#define MODEL_FIELDS_H

#include "core/error.h"

#include <stddef.h>

/* How the text of a field becomes the member of the struct. */
enum field_kind {
    FIELD_TEXT,    /* char[size]; valid UTF-8 that fits */
    FIELD_ID,      /* char[ID_SIZE]; an id, or "" while unknown */
    FIELD_LABEL,   /* char[NAME_SIZE]; name_is_label(), or "" */
    FIELD_HOST,    /* char[NODE_NAME_SIZE]; name_is_host(), or "" */
    FIELD_INTEGER, /* int64_t; decimal */
    FIELD_FLAG,    /* bool; "0" or "1" */
    FIELD_CHOICE,  /* an enum; one of the choices, "" is the first of them: unset */
    FIELD_TEXTS,   /* json_t *; array of strings */
    FIELD_OBJECTS, /* json_t *; array of objects */
    FIELD_KIND_COUNT
};

/* The longest JSON text of a field; more than that was not written by us. */
enum { FIELD_JSON_MAX = 256 * 1024 };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    size_t size;
    const char *const *choices;
    size_t choice_count;
};

/* A member whose name is the field's. */
#define FIELD(kind_, type_, member_)                                           \
    {                                                                          \
        .name = #member_, .kind = (kind_), .offset = offsetof(type_, member_), \
        .size = sizeof(((type_ *)NULL)->member_)                               \
    }
#define ARRAY_FIELD(kind_, type_, member_)                                    \
    {                                                                         \
        .name = #member_, .kind = (kind_), .offset = offsetof(type_, member_) \
    }
#define CHOICE_FIELD(type_, member_, choices_)                                      \
    {                                                                               \
        .name = #member_, .kind = FIELD_CHOICE, .offset = offsetof(type_, member_), \
        .size = sizeof(((type_ *)NULL)->member_), .choices = (choices_),            \
        .choice_count = sizeof(choices_) / sizeof((choices_)[0])                    \
    }

#define FIELDS_SET(fields, record, name, value, err) \
    fields_set((fields), sizeof(fields) / sizeof((fields)[0]), (record), (name), (value), (err))

/* Sets the member of the named field; a name that is not in the table is ignored. CORRUPT: the
 * value is not of its kind; the record stays as it was. */
enum status fields_set(const struct field *fields, size_t count, void *record, const char *name,
                       const char *value, struct error *err) MUST_CHECK;

/* The index of the text, or 0: the unset one. */
#define NAMES_FIND(names, text) names_find((names), sizeof(names) / sizeof((names)[0]), (text))
size_t names_find(const char *const *names, size_t count, const char *text);

#endif
