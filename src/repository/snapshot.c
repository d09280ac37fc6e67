#include "repository/snapshot.h"

#include "quote.h"
#include "repository_internal.h"
#include "stored_json.h"
#include "timestamp.h"
#include "whoami.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status add_format(struct buffer *text, struct error *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

static enum status add_format(struct buffer *text, struct error *err, const char *format, ...)
{
    char part[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(part, sizeof(part), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(part))
        return FAIL(err, STATUS_INTERNAL, "a part of a snapshot of %d bytes", len);
    return buffer_add(text, part, (size_t)len, err);
}

static enum status add_string(struct buffer *text, const char *string, struct error *err)
{
    size_t len = strlen(string);
    if (buffer_reserve(text, QUOTED_MAX(len), err) != STATUS_OK)
        return error_status(err);
    char *start = (char *)text->bytes + text->len;
    text->len += (size_t)(quote_json(start, string, len) - start);
    return STATUS_OK;
}

/* ,"key":"…" */
static enum status add_member(struct buffer *text, const char *key, const char *string,
                              struct error *err)
{
    if (string[0] == '\0')
        return STATUS_OK;
    if (add_format(text, err, ",\"%s\":", key) != STATUS_OK)
        return error_status(err);
    return add_string(text, string, err);
}

/* ,"key":["…",…]; nothing at all for an empty list that is optional */
static enum status add_list(struct buffer *text, const char *key, const char *const *list,
                            bool optional, struct error *err)
{
    if (optional && (list == NULL || list[0] == NULL))
        return STATUS_OK;
    if (add_format(text, err, ",\"%s\":[", key) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        if (i > 0 && buffer_add_text(text, ",", err) != STATUS_OK)
            return error_status(err);
        if (add_string(text, list[i], err) != STATUS_OK)
            return error_status(err);
    }
    return buffer_add_text(text, "]", err);
}

static enum status add_owner(struct buffer *text, const struct repository_snapshot *snapshot,
                             struct error *err)
{
    struct whoami me;
    whoami(&me);
    const char *host = snapshot->hostname == NULL ? me.host : snapshot->hostname;
    const char *user = snapshot->username == NULL ? me.user : snapshot->username;
    if (add_member(text, "hostname", host, err) != STATUS_OK ||
        add_member(text, "username", user, err) != STATUS_OK)
        return error_status(err);
    if (getuid() != 0 && add_format(text, err, ",\"uid\":%u", (unsigned)getuid()) != STATUS_OK)
        return error_status(err);
    if (getgid() != 0 && add_format(text, err, ",\"gid\":%u", (unsigned)getgid()) != STATUS_OK)
        return error_status(err);
    return STATUS_OK;
}

/* Without a parent everything is new, as restic counts. */
static enum status add_summary(struct buffer *text, const struct repository *repository,
                               const struct repository_snapshot *snapshot, struct error *err)
{
    struct repository_statistics statistics;
    struct timespec now;
    char start[TIMESTAMP_MAX + 1];
    char end[TIMESTAMP_MAX + 1];
    repository_get_statistics(repository, &statistics);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *timestamp_write(start, snapshot->time) = '\0';
    *timestamp_write(end, now) = '\0';
    if (add_format(text, err,
                   ",\"program_version\":\"appbackup " APPBACKUP_VERSION
                   "\",\"summary\":{\"backup_start\":\"%s\",\"backup_end\":\"%s\"",
                   start, end) != STATUS_OK ||
        add_format(text, err,
                   ",\"files_new\":%llu,\"files_changed\":0,\"files_unmodified\":0"
                   ",\"dirs_new\":%llu,\"dirs_changed\":0,\"dirs_unmodified\":0",
                   (unsigned long long)snapshot->files,
                   (unsigned long long)snapshot->directories) != STATUS_OK)
        return error_status(err);
    return add_format(
        text, err,
        ",\"data_blobs\":%llu,\"tree_blobs\":%llu,\"data_added\":%llu"
        ",\"data_added_packed\":%llu,\"total_files_processed\":%llu"
        ",\"total_bytes_processed\":%llu}",
        (unsigned long long)statistics.data_blobs, (unsigned long long)statistics.tree_blobs,
        (unsigned long long)statistics.bytes_added, (unsigned long long)statistics.bytes_stored,
        (unsigned long long)snapshot->files, (unsigned long long)snapshot->bytes);
}

static enum status write_snapshot(const struct repository *repository,
                                  const struct repository_snapshot *snapshot, struct buffer *text,
                                  struct error *err)
{
    char time[TIMESTAMP_MAX + 1];
    char tree[BLOB_ID_TEXT_SIZE];
    *timestamp_write(time, snapshot->time) = '\0';
    blob_id_to_text(&snapshot->tree, tree);
    if (add_format(text, err, "{\"time\":\"%s\",\"tree\":\"%s\"", time, tree) != STATUS_OK ||
        add_list(text, "paths", snapshot->paths, false, err) != STATUS_OK ||
        add_owner(text, snapshot, err) != STATUS_OK ||
        add_list(text, "excludes", snapshot->excludes, true, err) != STATUS_OK ||
        add_list(text, "tags", snapshot->tags, true, err) != STATUS_OK ||
        add_summary(text, repository, snapshot, err) != STATUS_OK)
        return error_status(err);
    return buffer_add_text(text, "}", err);
}

/* The order that everything rests on: packs, index, then the snapshot, under a lock that holds. */
static enum status check_order(struct repository *repository,
                               const struct repository_snapshot *snapshot, struct error *err)
{
    if (repository_check_writable(repository, err) != STATUS_OK)
        return error_status(err);
    if (repository->open[BLOB_DATA].count > 0 || repository->open[BLOB_TREE].count > 0 ||
        repository->unindexed.count > 0)
        return FAIL(err, STATUS_CONFLICT, "something saved was not flushed");
    if (!repository_has_blob(repository, BLOB_TREE, &snapshot->tree))
        return FAIL(err, STATUS_CONFLICT, "its tree is not in the repository");
    return repository->lock.held ? repository_refresh_lock(repository, err) : STATUS_OK;
}

enum status repository_save_snapshot(struct repository *repository,
                                     struct repository_snapshot *snapshot, struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    struct blob_id id;
    buffer_init(&text, SMALL_TEXT_MAX);
    if (check_order(repository, snapshot, err) != STATUS_OK ||
        write_snapshot(repository, snapshot, &text, err) != STATUS_OK ||
        unpacked_save(repository, "snapshots", text.bytes, text.len, &id, err) != STATUS_OK)
        return FAIL_IN(err, "save snapshot");
    snapshot->id = id;
    return STATUS_OK;
}

/* The strings of a JSON array, NULL-terminated, at most max; borrowed from it. */
static void borrow_strings(const json_t *array, const char **list, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(array) && count < max; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text != NULL)
            list[count++] = text;
    }
    list[count] = NULL;
}

static uint64_t number_of(const json_t *object, const char *field)
{
    json_int_t number = json_integer_value(json_object_get(object, field));
    return number < 0 ? 0 : (uint64_t)number;
}

static enum status read_required(const json_t *json, struct repository_snapshot *snapshot,
                                 struct error *err)
{
    const json_t *time = json_object_get(json, "time");
    const char *tree = json_string_value(json_object_get(json, "tree"));
    if (!json_is_string(time) ||
        !timestamp_read(json_string_value(time), json_string_length(time), &snapshot->time))
        return FAIL(err, STATUS_CORRUPT, "'time' is missing");
    if (tree == NULL || !blob_id_from_text(tree, &snapshot->tree))
        return FAIL(err, STATUS_CORRUPT, "'tree' is missing");
    return STATUS_OK;
}

struct snapshot_listing {
    struct repository *repository;
    repository_snapshot_fn *seen;
    void *context;
    struct error unreadable; /* the first one that could not be read */
    bool callback_failed;
};

static enum status show(struct snapshot_listing *listing, const json_t *json,
                        struct repository_snapshot *snapshot, struct error *err)
{
    const json_t *summary = json_object_get(json, "summary");
    const json_t *paths = json_object_get(json, "paths");
    const json_t *excludes = json_object_get(json, "excludes");
    size_t path_max = json_array_size(paths);
    size_t exclude_max = json_array_size(excludes);
    CLEANUP(free_any) const char **strings = calloc(path_max + exclude_max + 2, sizeof(*strings));
    if (strings == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a snapshot of %zu paths", path_max);
    borrow_strings(paths, strings, path_max);
    borrow_strings(excludes, strings + path_max + 1, exclude_max);
    borrow_strings(json_object_get(json, "tags"), snapshot->tags, SNAPSHOT_TAGS_MAX);
    snapshot->paths = strings;
    snapshot->excludes = strings + path_max + 1;
    snapshot->hostname = json_string_value(json_object_get(json, "hostname"));
    snapshot->username = json_string_value(json_object_get(json, "username"));
    snapshot->files = number_of(summary, "total_files_processed");
    snapshot->directories = number_of(summary, "dirs_new") + number_of(summary, "dirs_changed") +
                            number_of(summary, "dirs_unmodified");
    snapshot->bytes = number_of(summary, "total_bytes_processed");
    enum status status = listing->seen(listing->context, snapshot, err);
    listing->callback_failed = status != STATUS_OK;
    return status;
}

static enum status load_snapshot(struct snapshot_listing *listing, const char *id,
                                 struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    json_auto_t *json = NULL;
    struct repository_snapshot snapshot = {.paths = NULL};
    buffer_init(&text, SMALL_TEXT_MAX);
    if (!blob_id_from_text(id, &snapshot.id))
        return FAIL(err, STATUS_CORRUPT, "not an id");
    if (unpacked_load(listing->repository, "snapshots", id, &text, err) != STATUS_OK)
        return error_status(err);
    if (stored_json_read(text.bytes, text.len, &json, err) != STATUS_OK ||
        read_required(json, &snapshot, err) != STATUS_OK)
        return FAIL_IN(err, "snapshots/%s", id);
    return show(listing, json, &snapshot, err);
}

/* One that is damaged must not hide the others; but then the list is not complete, and says so. */
static enum status on_snapshot(void *context, const char *id, struct error *err)
{
    struct snapshot_listing *listing = context;
    enum status status = load_snapshot(listing, id, err);
    if (listing->callback_failed || (status != STATUS_CORRUPT && status != STATUS_TOO_LARGE))
        return status == STATUS_NOT_FOUND && !listing->callback_failed
                   ? STATUS_OK /* forgotten while we listed */
                   : status;
    if (listing->unreadable.status == STATUS_OK)
        listing->unreadable = *err;
    return STATUS_OK;
}

enum status repository_list_snapshots(struct repository *repository, repository_snapshot_fn *seen,
                                      void *context, struct error *err)
{
    struct snapshot_listing listing = {.repository = repository, .seen = seen, .context = context};
    if (unpacked_list(repository->store, "snapshots", on_snapshot, &listing, err) != STATUS_OK)
        return error_status(err);
    if (listing.unreadable.status != STATUS_OK) {
        *err = listing.unreadable;
        return error_status(err);
    }
    return STATUS_OK;
}

enum status repository_remove_snapshot(struct repository *repository, const struct blob_id *id,
                                       struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    object_path(path, "snapshots", id);
    return object_store_delete(repository->store, path, err);
}

struct tag_search {
    const char *tag;
    struct blob_id id;
    struct timespec time;
    bool found;
};

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static enum status on_candidate(void *context, const struct repository_snapshot *snapshot,
                                UNUSED struct error *err)
{
    struct tag_search *search = context;
    for (const char *const *tag = snapshot->tags; *tag != NULL; tag++) {
        if (strcmp(*tag, search->tag) == 0 &&
            (!search->found || is_later(&snapshot->time, &search->time))) {
            search->found = true;
            search->id = snapshot->id;
            search->time = snapshot->time;
        }
    }
    return STATUS_OK;
}

enum status repository_find_snapshot(struct repository *repository, const char *tag,
                                     struct blob_id *ret_id, bool *ret_found, struct error *err)
{
    struct tag_search search = {.tag = tag};
    enum status status = repository_list_snapshots(repository, on_candidate, &search, err);
    if (status != STATUS_OK && !search.found)
        return status;
    if (search.found)
        *ret_id = search.id;
    *ret_found = search.found;
    return STATUS_OK;
}
