#include "schema.h"

#include "raw.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES_MAX = DOCUMENT_DEPTH_MAX, CAUSE_SIZE = 256, LIST_SIZE = 384 };

/* What libcyaml logs about its one failure: the cause, then where it was, innermost first. */
struct frame {
    char field[64];  /* "" in a sequence, or in a mapping before its first key */
    unsigned number; /* of the entry, from 1 */
};

struct trace {
    char cause[CAUSE_SIZE];
    struct frame frames[FRAMES_MAX];
    size_t count;
};

static void read_frame(const char *line, struct frame *frame)
{
    /* A key of the schema has no quote in it, so the first one ends it. */
    if (sscanf(line, "  in mapping field '%63[^']'", frame->field) != 1)
        (void)sscanf(line, "  in sequence entry '%u'", &frame->number); // NOLINT(cert-err34-c)
}

PRINTF_LIKE(3, 0)

static void on_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    (void)level;
    static const char prefix[] = "Load: ";
    struct trace *trace = context;
    char line[CAUSE_SIZE];
    (void)vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "  in ", 5) == 0 && trace->count < FRAMES_MAX)
        read_frame(line, &trace->frames[trace->count++]);
    else if (strncmp(line, prefix, strlen(prefix)) == 0 && *trace->cause == '\0' &&
             strstr(line, "Backtrace") == NULL)
        memcpy(trace->cause, line + strlen(prefix), strlen(line + strlen(prefix)) + 1);
}

static cyaml_config_t reader(struct trace *trace)
{
    return (cyaml_config_t){
        .log_fn = on_log,
        .log_ctx = trace,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

/* Failures about a key that the cause names, while the innermost frame is its neighbour. */
static bool is_about_key(cyaml_err_t failure, const struct trace *trace)
{
    return failure == CYAML_ERR_INVALID_KEY || failure == CYAML_ERR_MAPPING_FIELD_MISSING ||
           (failure == CYAML_ERR_UNEXPECTED_EVENT &&
            strncmp(trace->cause, "Mapping field already seen", 26) == 0);
}

/* Failures about a whole list, while the innermost frame is an entry of it. */
static bool is_about_list(cyaml_err_t failure)
{
    return failure == CYAML_ERR_SEQUENCE_ENTRIES_MIN || failure == CYAML_ERR_SEQUENCE_ENTRIES_MAX;
}

static void append(char key[DOCUMENT_KEY_SIZE], const char *separator, const char *part)
{
    size_t used = strlen(key);
    (void)snprintf(key + used, DOCUMENT_KEY_SIZE - used, "%s%s", used == 0 ? "" : separator, part);
}

/* The key that failed; the length of the path to the mapping that it is in. */
static size_t failed_key(cyaml_err_t failure, const struct trace *trace,
                         char key[DOCUMENT_KEY_SIZE])
{
    bool about_key = is_about_key(failure, trace);
    size_t skipped = (about_key || is_about_list(failure)) && trace->count > 0 ? 1 : 0;
    key[0] = '\0';
    for (size_t i = trace->count; i > skipped; i--) {
        const struct frame *frame = &trace->frames[i - 1];
        char entry[24];
        (void)snprintf(entry, sizeof(entry), "[%u]", frame->number - 1);
        if (frame->number > 0)
            append(key, "", entry);
        else if (frame->field[0] != '\0')
            append(key, ".", frame->field);
    }
    size_t parent_len = strlen(key);
    const char *name = strstr(trace->cause, ": ");
    if (about_key && name != NULL)
        append(key, ".", name + 2);
    return parent_len;
}

static const cyaml_schema_value_t *entry_of(const cyaml_schema_value_t *sequence)
{
    return sequence->type == CYAML_SEQUENCE ? sequence->sequence.entry : NULL;
}

static const cyaml_schema_value_t *field_of(const cyaml_schema_value_t *mapping, const char *name,
                                            size_t len)
{
    if (mapping->type != CYAML_MAPPING)
        return NULL;
    for (const cyaml_schema_field_t *field = mapping->mapping.fields; field->key != NULL; field++)
        if (strlen(field->key) == len && strncmp(field->key, name, len) == 0)
            return &field->value;
    return NULL;
}

/* The schema at the first len characters of a key; NULL: it has no such key. */
static const cyaml_schema_value_t *schema_at(const cyaml_schema_value_t *schema, const char *key,
                                             size_t len)
{
    const char *end = key + len;
    while (key < end && schema != NULL) {
        bool is_entry = *key == '[';
        if (*key == '.')
            key++;
        size_t part_len = is_entry ? strcspn(key, "]") + 1 : strcspn(key, ".[");
        schema = is_entry ? entry_of(schema) : field_of(schema, key, part_len);
        key += part_len;
    }
    return schema;
}

static void add_word(char text[LIST_SIZE], const char *word)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, LIST_SIZE - used, "%s%s", used == 0 ? "" : ", ", word);
}

static void list_keys(const cyaml_schema_value_t *mapping, char text[LIST_SIZE])
{
    text[0] = '\0';
    if (mapping == NULL || mapping->type != CYAML_MAPPING)
        return;
    for (const cyaml_schema_field_t *field = mapping->mapping.fields; field->key != NULL; field++)
        add_word(text, field->key);
}

static void list_words(const cyaml_schema_value_t *value, char text[LIST_SIZE])
{
    text[0] = '\0';
    for (uint32_t i = 0; i < value->enumeration.count; i++)
        add_word(text, value->enumeration.strings[i].str);
}

static enum status refuse_key(const struct document *document, cyaml_err_t failure, const char *key,
                              const cyaml_schema_value_t *parent, struct error *err)
{
    if (failure == CYAML_ERR_MAPPING_FIELD_MISSING)
        return document_refuse(document, key, err, "required, but missing");
    if (failure == CYAML_ERR_UNEXPECTED_EVENT)
        return document_refuse(document, key, err, "given twice");
    char keys[LIST_SIZE];
    list_keys(parent, keys);
    return document_refuse(document, key, err, "unknown key, expected one of: %s", keys);
}

static enum status refuse_value(const struct document *document, const char *key,
                                const cyaml_schema_value_t *value, const char *cause,
                                struct error *err)
{
    if (value != NULL && value->type == CYAML_MAPPING)
        return document_refuse(document, key, err, "keys with values are expected");
    if (value != NULL && value->type == CYAML_SEQUENCE)
        return document_refuse(document, key, err, "a list of %u to %u entries is expected",
                               value->sequence.min, value->sequence.max);
    if (value != NULL && value->type == CYAML_STRING && value->string.max == NUMBER_DIGITS_MAX)
        return document_refuse(document, key, err, "a number of 1 to %d digits is expected",
                               NUMBER_DIGITS_MAX);
    if (value != NULL && value->type == CYAML_STRING)
        return document_refuse(document, key, err, "text of %u to %u bytes is expected",
                               value->string.min, value->string.max);
    if (value != NULL && value->type == CYAML_ENUM) {
        char words[LIST_SIZE];
        list_words(value, words);
        return document_refuse(document, key, err, "expected one of: %s", words);
    }
    return document_refuse(document, key, err, "%s", cause);
}

static enum status refuse(const struct document *document, const cyaml_schema_value_t *schema,
                          cyaml_err_t failure, const struct trace *trace, struct error *err)
{
    if (failure == CYAML_ERR_OOM)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    char key[DOCUMENT_KEY_SIZE];
    size_t parent_len = failed_key(failure, trace, key);
    if (is_about_key(failure, trace))
        return refuse_key(document, failure, key, schema_at(schema, key, parent_len), err);
    const char *cause = *trace->cause == '\0' ? cyaml_strerror(failure) : trace->cause;
    return refuse_value(document, key, schema_at(schema, key, strlen(key)), cause, err);
}

enum status schema_load(const struct document *document, const cyaml_schema_value_t *schema,
                        void **ret_data, struct error *err)
{
    struct trace trace = {0};
    cyaml_config_t config = reader(&trace);
    cyaml_data_t *data = NULL;
    cyaml_err_t failure =
        cyaml_load_data(document->text.bytes, document->text.len, &config, schema, &data, NULL);
    if (failure != CYAML_OK)
        return refuse(document, schema, failure, &trace, err);
    if (data == NULL) /* nothing but comments, or nothing at all */
        return document_refuse(document, "", err, "keys with values are expected");
    *ret_data = data;
    return STATUS_OK;
}

void schema_free(const cyaml_schema_value_t *schema, void *data)
{
    struct trace trace = {0};
    cyaml_config_t config = reader(&trace);
    (void)cyaml_free(&config, schema, data, 0); /* fails only for arguments that are never wrong */
}
