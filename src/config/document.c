#include "document.h"

#include "core/array.h"
#include "core/cleanup.h"
#include "core/file.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A mapping or sequence that the walk is in. */
struct level {
    bool is_mapping;
    bool has_key;    /* mapping: the key has been read, its value comes next */
    size_t index;    /* sequence: of the next entry */
    size_t path_len; /* of its own key */
};

struct walk {
    struct document *document;
    yaml_parser_t parser;
    struct level levels[DOCUMENT_DEPTH_MAX];
    size_t depth;
    size_t document_count;
    char path[DOCUMENT_KEY_SIZE];
    size_t path_len;
};

const char *document_key(char key[DOCUMENT_KEY_SIZE], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(key, DOCUMENT_KEY_SIZE, format, args);
    va_end(args);
    return key;
}

static enum status refuse_line(const struct document *document, size_t line, const char *text,
                               struct error *err)
{
    return FAIL(err, STATUS_INVALID, "%s:%zu: %s", document->path, line, text);
}

enum status document_refuse(const struct document *document, const char *key, struct error *err,
                            const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return FAIL(err, STATUS_INVALID, "%s:%zu: %s%s%s", document->path, document_line(document, key),
                key, *key == '\0' ? "" : ": ", text);
}

enum status document_refuse_in(const struct document *document, const char *key, struct error *err)
{
    return FAIL_IN(err, "%s:%zu: %s", document->path, document_line(document, key), key);
}

/* Does the place hold the key, or is it above it? Returns how much of the key it covers. */
static size_t covered(const char *place, const char *key)
{
    size_t len = strlen(place);
    if (strncmp(place, key, len) != 0)
        return 0;
    return key[len] == '\0' || key[len] == '.' || key[len] == '[' ? len : 0;
}

size_t document_line(const struct document *document, const char *key)
{
    size_t line = 1;
    size_t best = 0;
    for (size_t i = 0; i < document->place_count; i++) {
        size_t len = covered(document->places[i].key, key);
        if (len == 0 || len < best)
            continue;
        best = len;
        line = document->places[i].line;
    }
    return line;
}

static enum status grow_places(struct document *document, struct error *err)
{
    if (document->place_count < document->place_capacity)
        return STATUS_OK;
    if (document->place_count >= DOCUMENT_KEYS_MAX)
        return FAIL(err, STATUS_INVALID, "%s: at most %d keys are expected", document->path,
                    DOCUMENT_KEYS_MAX);
    if (array_reserve(&document->places, &document->place_capacity, document->place_count + 1,
                      sizeof(document->places[0]), err) != STATUS_OK)
        return FAIL_IN(err, "%s", document->path);
    return STATUS_OK;
}

static enum status add_place(struct walk *walk, size_t line, struct error *err)
{
    struct document *document = walk->document;
    if (grow_places(document, err) != STATUS_OK)
        return error_status(err);
    struct document_place place = {.key = strdup(walk->path), .line = line};
    if (place.key == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    document->places[document->place_count++] = place;
    return STATUS_OK;
}

/* The path becomes that of the level with this part behind it. */
static void set_path(struct walk *walk, const struct level *level, const char *separator,
                     const char *part, const char *end)
{
    size_t room = sizeof(walk->path) - level->path_len;
    if (level->path_len == 0 && *separator == '.')
        separator = "";
    (void)snprintf(walk->path + level->path_len, room, "%s%s%s", separator, part, end);
    walk->path_len = strlen(walk->path);
}

/* A scalar where a mapping has no key yet is that key. */
static enum status on_key(struct walk *walk, struct level *level, const yaml_event_t *event,
                          struct error *err)
{
    size_t line = event->start_mark.line + 1;
    if (event->type != YAML_SCALAR_EVENT)
        return refuse_line(walk->document, line, "a key must be plain text", err);
    set_path(walk, level, ".", (const char *)event->data.scalar.value, "");
    level->has_key = true;
    return add_place(walk, line, err);
}

static enum status on_entry(struct walk *walk, struct level *level, const yaml_event_t *event,
                            struct error *err)
{
    char index[24];
    (void)snprintf(index, sizeof(index), "%zu", level->index++);
    set_path(walk, level, "[", index, "]");
    return add_place(walk, event->start_mark.line + 1, err);
}

static enum status open_level(struct walk *walk, const yaml_event_t *event, struct error *err)
{
    if (walk->depth == DOCUMENT_DEPTH_MAX)
        return refuse_line(walk->document, event->start_mark.line + 1, "nested too deeply", err);
    walk->levels[walk->depth++] = (struct level){
        .is_mapping = event->type == YAML_MAPPING_START_EVENT,
        .path_len = walk->path_len,
    };
    return STATUS_OK;
}

/* A key, a value or an entry begins. */
static enum status on_node(struct walk *walk, const yaml_event_t *event, struct error *err)
{
    struct level *level = walk->depth == 0 ? NULL : &walk->levels[walk->depth - 1];
    if (level != NULL && level->is_mapping && !level->has_key)
        return on_key(walk, level, event, err);
    if (level != NULL && level->is_mapping)
        level->has_key = false;
    if (level != NULL && !level->is_mapping && on_entry(walk, level, event, err) != STATUS_OK)
        return error_status(err);
    return event->type == YAML_SCALAR_EVENT ? STATUS_OK : open_level(walk, event, err);
}

static enum status on_scalar(struct walk *walk, const yaml_event_t *event, struct error *err)
{
    size_t line = event->start_mark.line + 1;
    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length) != NULL)
        return refuse_line(walk->document, line, "text without NUL characters is expected", err);
    return on_node(walk, event, err);
}

static enum status on_event(struct walk *walk, const yaml_event_t *event, struct error *err)
{
    size_t line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (walk->document_count++ > 0)
            return refuse_line(walk->document, line, "one document is expected, not a second", err);
        return STATUS_OK;
    case YAML_ALIAS_EVENT:
        return refuse_line(walk->document, line, "aliases are not supported", err);
    case YAML_SCALAR_EVENT:
        return on_scalar(walk, event, err);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_node(walk, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        walk->depth--;
        return STATUS_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return STATUS_OK;
}

/* The reader, which checks the encoding, tells a byte and not a line. */
static size_t line_of_offset(const struct document *document, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < document->text.len; i++)
        if (document->text.bytes[i] == '\n')
            line++;
    return line;
}

static enum status refuse_syntax(const struct walk *walk, struct error *err)
{
    const yaml_parser_t *parser = &walk->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return FAIL(err, STATUS_NO_MEMORY, "%s", walk->document->path);
    size_t line = parser->error == YAML_READER_ERROR
                      ? line_of_offset(walk->document, parser->problem_offset)
                      : parser->problem_mark.line + 1;
    return FAIL(err, STATUS_INVALID, "%s:%zu: not YAML: %s%s%s", walk->document->path, line,
                parser->context == NULL ? "" : parser->context, parser->context == NULL ? "" : ", ",
                parser->problem);
}

static enum status walk_events(struct walk *walk, struct error *err)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (yaml_parser_parse(&walk->parser, &event) == 0)
            return refuse_syntax(walk, err);
        done = event.type == YAML_STREAM_END_EVENT;
        enum status status = on_event(walk, &event, err);
        yaml_event_delete(&event);
        if (status != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status find_places(struct document *document, struct error *err)
{
    struct walk walk = {.document = document};
    if (yaml_parser_initialize(&walk.parser) == 0)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    yaml_parser_set_encoding(&walk.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&walk.parser, document->text.bytes, document->text.len);
    enum status status = walk_events(&walk, err);
    yaml_parser_delete(&walk.parser);
    return status;
}

static enum status read_text(int fd, struct document *document, struct error *err)
{
    if (buffer_reserve(&document->text, DOCUMENT_BYTES_MAX, err) != STATUS_OK)
        return error_status(err);
    return file_read_all(fd, document->text.bytes, DOCUMENT_BYTES_MAX, &document->text.len, err);
}

enum status document_read(int fd, const char *path, struct document **ret_document,
                          struct error *err)
{
    CLEANUP(document_freep) struct document *document = calloc(1, sizeof(*document));
    if (document == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", path);
    buffer_init(&document->text, DOCUMENT_BYTES_MAX);
    document->path = strdup(path);
    if (document->path == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", path);
    if (read_text(fd, document, err) != STATUS_OK)
        return FAIL_IN(err, "%s", path);
    if (find_places(document, err) != STATUS_OK)
        return error_status(err);
    *ret_document = STEAL(document);
    return STATUS_OK;
}

void document_forget_text(struct document *document)
{
    buffer_done(&document->text);
}

void document_free(struct document *document)
{
    if (document == NULL)
        return;
    for (size_t i = 0; i < document->place_count; i++)
        free(document->places[i].key);
    free(document->places);
    free(document->path);
    buffer_done(&document->text);
    free(document);
}
