/*
 * Snapshots from text. Whoever has the repository's key may have written one, by hand or with a
 * restic of any version: it is read as leniently as restic does. What is not known is skipped, of
 * several members of one name the last counts, and what is optional and is not as it should be is
 * not told. Only without a time and a tree it is none.
 */
#include "core/array.h"
#include "core/attributes.h"
#include "core/cleanup.h"
#include "core/utf8.h"
#include "json_scanner.h"
#include "snapshot_file.h"
#include "timestamp.h"

#include <string.h>

struct text_list {
    const char **items; /* NULL-terminated once it is complete */
    size_t count, capacity;
};

struct reading {
    struct json_scanner scanner;
    char *texts; /* all that is decoded, which is never longer than what it is made from */
    size_t used;
    struct text_list paths, excludes, tags;
    struct repository_snapshot snapshot;
    bool has_time, has_tree;
};

static void reading_done(const struct reading *reading)
{
    free(reading->texts);
    free(reading->paths.items);
    free(reading->excludes.items);
    free(reading->tags.items);
}

/* Makes what is no UTF-8 and the NUL, which would end the text, into '?'. */
static void clean(char *text, size_t len)
{
    uint32_t rune = 0;
    for (size_t at = 0; at < len;) {
        size_t character = utf8_decode(text + at, len - at, &rune);
        if (character == 0 || rune == 0)
            text[at] = '?';
        at += character == 0 ? 1 : character;
    }
}

/* *ret_text NULL: the next value is no text. */
static enum status read_text(struct reading *reading, const char **ret_text, struct error *err)
{
    struct json_slice slice;
    size_t len = 0;
    *ret_text = NULL;
    if (json_scan_peek(&reading->scanner) != '"')
        return json_scan_skip(&reading->scanner, err);
    if (json_scan_string(&reading->scanner, &slice, err) != STATUS_OK)
        return error_status(err);
    char *text = reading->texts + reading->used;
    if (!json_slice_decode(&slice, text, &len))
        return json_scan_fail(&reading->scanner, "an unknown escape in a string", err);
    clean(text, len);
    text[len] = '\0';
    reading->used += len + 1;
    *ret_text = text;
    return STATUS_OK;
}

static enum status add_text(struct text_list *list, const char *text, struct error *err)
{
    if (array_reserve(&list->items, &list->capacity, list->count + 1, sizeof(*list->items), err) !=
        STATUS_OK)
        return FAIL_IN(err, "the texts of a snapshot");
    list->items[list->count++] = text;
    return STATUS_OK;
}

static enum status read_texts(struct reading *reading, struct text_list *list, struct error *err)
{
    bool first = true;
    bool more = true;
    const char *text = NULL;
    list->count = 0;
    if (json_scan_peek(&reading->scanner) != '[')
        return json_scan_skip(&reading->scanner, err);
    if (json_scan_char(&reading->scanner, '[', err) != STATUS_OK ||
        json_scan_element(&reading->scanner, &first, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read_text(reading, &text, err) != STATUS_OK ||
            (text != NULL && add_text(list, text, err) != STATUS_OK) ||
            json_scan_element(&reading->scanner, &first, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* *ret_known false: the next value is no whole number from 0. One that is too large is the largest
 * that there is. */
static enum status read_count(struct reading *reading, uint64_t *ret_count, bool *ret_known,
                              struct error *err)
{
    uint64_t count = 0;
    bool is_known = json_scan_peek(&reading->scanner) != '\0';
    const char *start = reading->scanner.at;
    if (json_scan_skip(&reading->scanner, err) != STATUS_OK)
        return error_status(err);
    for (const char *at = start; at < reading->scanner.at; at++) {
        is_known = is_known && *at >= '0' && *at <= '9';
        if (__builtin_mul_overflow(count, 10, &count) ||
            __builtin_add_overflow(count, (uint64_t)(*at - '0'), &count))
            count = UINT64_MAX;
    }
    *ret_known = is_known;
    *ret_count = is_known ? count : 0;
    return STATUS_OK;
}

static enum status read_summary_member(struct reading *reading, const struct json_slice *key,
                                       struct error *err)
{
    struct repository_snapshot *snapshot = &reading->snapshot;

    const struct {
        const char *name;
        uint64_t *count;
    } counts[] = {
        {"total_files_processed", &snapshot->files},
        {"files_changed", &snapshot->files_changed},
        {"files_unmodified", &snapshot->files_unmodified},
        {"dirs_changed", &snapshot->directories_changed},
        {"dirs_unmodified", &snapshot->directories_unmodified},
        {"dirs_new", &snapshot->directories},
    };

    bool ignored = false;
    if (json_slice_is(key, "total_bytes_processed"))
        return read_count(reading, &snapshot->bytes, &snapshot->tells_bytes, err);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (json_slice_is(key, counts[i].name))
            return read_count(reading, counts[i].count, &ignored, err);
    return json_scan_skip(&reading->scanner, err);
}

typedef enum status member_fn(struct reading *reading, const struct json_slice *key,
                              struct error *err);

static enum status read_object(struct reading *reading, member_fn *read, struct error *err)
{
    bool first = true;
    bool more = true;
    struct json_slice key;
    if (json_scan_char(&reading->scanner, '{', err) != STATUS_OK ||
        json_scan_member(&reading->scanner, &first, &key, &more, err) != STATUS_OK)
        return error_status(err);
    while (more) {
        if (read(reading, &key, err) != STATUS_OK ||
            json_scan_member(&reading->scanner, &first, &key, &more, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status read_summary(struct reading *reading, struct error *err)
{
    if (json_scan_peek(&reading->scanner) != '{')
        return json_scan_skip(&reading->scanner, err);
    return read_object(reading, read_summary_member, err);
}

static enum status read_time(struct reading *reading, struct error *err)
{
    const char *text = NULL;
    if (read_text(reading, &text, err) != STATUS_OK)
        return error_status(err);
    reading->has_time = text != NULL && timestamp_read(text, strlen(text), &reading->snapshot.time);
    return STATUS_OK;
}

static enum status read_id(struct reading *reading, struct blob_id *ret_id, bool *ret_known,
                           struct error *err)
{
    const char *text = NULL;
    if (read_text(reading, &text, err) != STATUS_OK)
        return error_status(err);
    *ret_known = text != NULL && blob_id_from_text(text, ret_id);
    return STATUS_OK;
}

static enum status read_member(struct reading *reading, const struct json_slice *key,
                               struct error *err)
{
    struct repository_snapshot *snapshot = &reading->snapshot;
    if (json_slice_is(key, "time"))
        return read_time(reading, err);
    if (json_slice_is(key, "tree"))
        return read_id(reading, &snapshot->tree, &reading->has_tree, err);
    if (json_slice_is(key, "parent"))
        return read_id(reading, &snapshot->parent, &snapshot->has_parent, err);
    if (json_slice_is(key, "paths"))
        return read_texts(reading, &reading->paths, err);
    if (json_slice_is(key, "excludes"))
        return read_texts(reading, &reading->excludes, err);
    if (json_slice_is(key, "tags"))
        return read_texts(reading, &reading->tags, err);
    if (json_slice_is(key, "hostname"))
        return read_text(reading, &snapshot->hostname, err);
    if (json_slice_is(key, "username"))
        return read_text(reading, &snapshot->username, err);
    if (json_slice_is(key, "summary"))
        return read_summary(reading, err);
    return json_scan_skip(&reading->scanner, err);
}

static enum status check_required(const struct reading *reading, struct error *err)
{
    if (!reading->has_time)
        return FAIL(err, STATUS_CORRUPT, "'time' is missing, or is none");
    if (!reading->has_tree)
        return FAIL(err, STATUS_CORRUPT, "'tree' is missing, or is no id");
    return STATUS_OK;
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static enum status complete(struct reading *reading, struct error *err)
{
    struct repository_snapshot *snapshot = &reading->snapshot;
    if (add_text(&reading->paths, NULL, err) != STATUS_OK ||
        add_text(&reading->excludes, NULL, err) != STATUS_OK ||
        add_text(&reading->tags, NULL, err) != STATUS_OK)
        return error_status(err);
    snapshot->paths = reading->paths.items;
    snapshot->excludes = reading->excludes.items;
    snapshot->tags = reading->tags.items;
    snapshot->directories = sum_of(snapshot->directories, sum_of(snapshot->directories_changed,
                                                                 snapshot->directories_unmodified));
    return STATUS_OK;
}

enum status snapshot_file_read(const void *text, size_t len, const struct blob_id *id,
                               repository_snapshot_fn *seen, void *context, struct error *err)
{
    CLEANUP(reading_done) struct reading reading = {.snapshot = {.id = *id}};
    json_scanner_init(&reading.scanner, text, len);
    reading.texts = malloc(len + 1);
    if (reading.texts == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a snapshot of %zu bytes", len);
    if (read_object(&reading, read_member, err) != STATUS_OK ||
        json_scan_end(&reading.scanner, err) != STATUS_OK ||
        check_required(&reading, err) != STATUS_OK || complete(&reading, err) != STATUS_OK)
        return error_status(err);
    return seen(context, &reading.snapshot, err);
}
