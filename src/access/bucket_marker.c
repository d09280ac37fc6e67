#include "bucket_marker.h"

#include "core/file.h"
#include "core/json.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define MARKER "appbackup-bucket.json"

enum { MARKER_MAX = 4096 };

/* A marker, or the copy of one: "" for what is not there, or means nothing. */
struct identity {
    bool found;
    char bucket[ID_SIZE], mark[ID_SIZE];
};

static void parse(const struct buffer *text, struct identity *identity)
{
    json_auto_t *json = NULL;
    const char *bucket = NULL;
    const char *mark = NULL;
    struct error ignored = {0};
    if (json_read((const char *)text->bytes, text->len, &json, &ignored) != STATUS_OK ||
        json_get_text(json, "bucket", &bucket, &ignored) != STATUS_OK ||
        json_get_text(json, "mark", &mark, &ignored) != STATUS_OK || !id_is_valid(bucket) ||
        !id_is_valid(mark))
        return;
    memcpy(identity->bucket, bucket, ID_SIZE);
    memcpy(identity->mark, mark, ID_SIZE);
}

static enum status read_identity(struct object_store *store, const char *name,
                                 struct identity *ret_identity, struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    buffer_init(&text, MARKER_MAX);
    *ret_identity = (struct identity){0};
    enum status status = object_store_get(store, name, &text, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK && status != STATUS_TOO_LARGE)
        return status;
    ret_identity->found = true;
    if (status == STATUS_OK)
        parse(&text, ret_identity);
    return STATUS_OK;
}

/* Somebody else may be first. */
static enum status write_identity(struct object_store *store, const char *name,
                                  const struct identity *identity, struct error *err)
{
    char text[256];
    int len =
        snprintf(text, sizeof(text), "{\"version\": 1, \"bucket\": \"%s\", \"mark\": \"%s\"}\n",
                 identity->bucket, identity->mark);
    const struct object_part part = {text, (size_t)len};
    enum status status = object_store_put_new(store, name, &part, 1, err);
    return status == STATUS_CONFLICT ? STATUS_OK : status;
}

/* Also if nobody can tell. */
static bool is_empty(const char *path)
{
    CLEANUP(dir_closep) DIR *directory = opendir(path);
    const struct dirent *entry = NULL;
    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return false;
    return true;
}

/* One that can only be read stays without a marker, and can be read. */
static enum status mark_bucket(const struct bucket_definition *definition,
                               struct object_store *root, struct identity *ret_marker,
                               struct error *err)
{
    struct identity marker = {0};
    struct error ignored = {0};
    memcpy(marker.bucket, definition->bucket.id, ID_SIZE);
    id_random(marker.mark);
    if (write_identity(root, MARKER, &marker, &ignored) != STATUS_OK)
        return STATUS_OK;
    return read_identity(root, MARKER, ret_marker, err);
}

static enum status refuse_foreign(const struct bucket_definition *definition, struct error *err)
{
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                       "bucket '%s': '%.200s/" MARKER "' is another bucket's, or damaged: mount "
                       "the right file system or correct 'path'; to use the directory as this "
                       "bucket, remove that file",
                       definition->bucket.name, definition->path);
}

static enum status refuse_unseen(const struct bucket_definition *definition, bool is_marked,
                                 struct error *err)
{
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                       "bucket '%s': '%.160s' %s: mount its file system; if the directory was "
                       "emptied or moved on purpose, remove '%.160s/%s' to have it accepted",
                       definition->bucket.name, definition->path,
                       is_marked ? "is not the one that was used before, by its " MARKER
                                 : "has lost its " MARKER,
                       definition->seen_directory, definition->bucket.id);
}

static enum status open_seen(const struct bucket_definition *definition,
                             struct object_store **ret_seen, struct error *err)
{
    if (file_make_directories(definition->seen_directory, 0700, err) != STATUS_OK)
        return error_status(err);
    return object_store_open_directory(definition->bucket.name, definition->seen_directory, "",
                                       ret_seen, err);
}

static enum status compare(const struct bucket_definition *definition, struct object_store *root,
                           struct object_store *seen, struct error *err)
{
    const char *id = definition->bucket.id;
    struct identity known;
    struct identity marker;
    if (read_identity(seen, id, &known, err) != STATUS_OK ||
        read_identity(root, MARKER, &marker, err) != STATUS_OK)
        return error_status(err);
    if (!known.found && !marker.found && !is_empty(definition->path) &&
        mark_bucket(definition, root, &marker, err) != STATUS_OK)
        return error_status(err);
    if (marker.found && strcmp(marker.bucket, id) != 0)
        return refuse_foreign(definition, err);
    if (known.found && (!marker.found || strcmp(marker.mark, known.mark) != 0))
        return refuse_unseen(definition, marker.found, err);
    if (known.found || !marker.found)
        return STATUS_OK;
    return write_identity(seen, id, &marker, err);
}

enum status bucket_marker_check(const struct bucket_definition *definition,
                                struct object_store *root, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *seen = NULL;
    if (definition->seen_directory == NULL)
        return STATUS_OK;
    if (open_seen(definition, &seen, err) != STATUS_OK)
        return FAIL_IN(err, "what this node has seen of its buckets");
    return compare(definition, root, seen, err);
}
