#include "repository/snapshot.h"

#include "repository_internal.h"
#include "snapshot_file.h"

#include <string.h>

/* The order that everything rests on: packs, index, then the snapshot, under a lock that holds. */
static enum status check_order(struct repository *repository,
                               const struct repository_snapshot *snapshot, struct error *err)
{
    if (repository_check_writable(repository, err) != STATUS_OK)
        return error_status(err);
    if (repository_is_dirty(repository))
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
    struct repository_statistics statistics;
    buffer_init(&text, SMALL_TEXT_MAX);
    repository_get_statistics(repository, &statistics);
    if (check_order(repository, snapshot, err) != STATUS_OK ||
        snapshot_file_write(snapshot, &statistics, &text, err) != STATUS_OK ||
        unpacked_save(repository, "snapshots", text.bytes, text.len, &id, err) != STATUS_OK)
        return FAIL_IN(err, "save snapshot");
    snapshot->id = id;
    return STATUS_OK;
}

enum {
    UNREACHABLE_MAX = 3
}; /* of files, one after the other: then it is the bucket that is away */

struct snapshot_listing {
    struct repository *repository;
    const struct repository_snapshot_visitor *visitor;
    bool callback_failed;
    int unreachable;      /* since the last that could be fetched */
    struct error failure; /* of the first that could not */
};

static enum status on_parsed(void *context, const struct repository_snapshot *snapshot,
                             struct error *err)
{
    struct snapshot_listing *listing = context;
    const struct repository_snapshot_visitor *visitor = listing->visitor;
    enum status status = visitor->seen(visitor->context, snapshot, err);
    listing->callback_failed = status != STATUS_OK;
    return status;
}

static enum status load_snapshot(struct snapshot_listing *listing, const char *id,
                                 struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    struct blob_id parsed;
    buffer_init(&text, SMALL_TEXT_MAX);
    if (!blob_id_from_text(id, &parsed))
        return FAIL(err, STATUS_CORRUPT, "snapshots/%s: not an id", id);
    if (unpacked_load(listing->repository, "snapshots", id, &text, err) != STATUS_OK)
        return error_status(err);
    enum status status = snapshot_file_read(text.bytes, text.len, &parsed, on_parsed, listing, err);
    if (status != STATUS_OK && !listing->callback_failed)
        return FAIL_IN(err, "snapshots/%s", id);
    return status;
}

bool repository_snapshot_is_unreadable(enum status status)
{
    return status == STATUS_CORRUPT || status == STATUS_TOO_LARGE;
}

/* Is it this one that cannot be fetched, so that the next one may be? */
static bool may_go_on(struct snapshot_listing *listing, const struct error *cause)
{
    if (cause->status != STATUS_UNAVAILABLE && cause->status != STATUS_TIMEOUT &&
        cause->status != STATUS_FORBIDDEN)
        return false;
    if (listing->failure.status == STATUS_OK)
        listing->failure = *cause;
    return ++listing->unreachable < UNREACHABLE_MAX;
}

static enum status visit(struct snapshot_listing *listing, const char *id, struct error *err)
{
    enum status status = load_snapshot(listing, id, err);
    if (listing->callback_failed)
        return status;
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) { /* forgotten while we listed */
        listing->unreachable = 0;
        return STATUS_OK;
    }
    if (repository_snapshot_is_unreadable(status)) {
        listing->unreachable = 0;
        listing->visitor->unreadable(listing->visitor->context, err);
        return STATUS_OK;
    }
    return may_go_on(listing, err) ? STATUS_OK : status;
}

enum status repository_visit_snapshots(struct repository *repository,
                                       const struct repository_snapshot_visitor *visitor,
                                       struct error *err)
{
    struct snapshot_listing listing = {.repository = repository, .visitor = visitor};
    CLEANUP(id_list_done) struct id_list files = {0};
    if (id_list_read(&files, repository->store, "snapshots", err) != STATUS_OK)
        return error_status(err);
    object_cache_keep(&repository->cache, "snapshots", &files);
    for (size_t i = 0; i < files.count; i++)
        if (visit(&listing, files.ids[i], err) != STATUS_OK)
            return error_status(err);
    if (listing.failure.status == STATUS_OK)
        return STATUS_OK;
    *err = listing.failure;
    return error_status(err);
}

/* What repository_list_snapshots() is asked for, and the first that could not be read. */
struct plain_listing {
    repository_snapshot_fn *seen;
    void *context;
    struct error unreadable;
};

static enum status on_seen(void *context, const struct repository_snapshot *snapshot,
                           struct error *err)
{
    const struct plain_listing *listing = context;
    return listing->seen(listing->context, snapshot, err);
}

static void on_unreadable(void *context, const struct error *cause)
{
    struct plain_listing *listing = context;
    if (listing->unreadable.status == STATUS_OK)
        listing->unreadable = *cause;
}

/* One that is damaged must not hide the others; but then the list is not complete, and says so. */
enum status repository_list_snapshots(struct repository *repository, repository_snapshot_fn *seen,
                                      void *context, struct error *err)
{
    struct plain_listing listing = {.seen = seen, .context = context};
    const struct repository_snapshot_visitor visitor = {
        .seen = on_seen, .unreadable = on_unreadable, .context = &listing};
    if (repository_visit_snapshots(repository, &visitor, err) != STATUS_OK)
        return error_status(err);
    if (listing.unreadable.status == STATUS_OK)
        return STATUS_OK;
    *err = listing.unreadable;
    return error_status(err);
}

enum status repository_has_snapshot(struct repository *repository, const struct blob_id *id,
                                    bool *ret_there, struct error *err)
{
    char path[OBJECT_PATH_SIZE];
    uint64_t size = 0;
    object_path(path, "snapshots", id);
    enum status status = object_store_size(repository->store, path, &size, err);
    *ret_there = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status repository_snapshot_is_lost(struct repository *repository, const struct blob_id *id,
                                        bool *ret_lost, struct error *err)
{
    CLEANUP(buffer_done) struct buffer text;
    char path[OBJECT_PATH_SIZE];
    char name[BLOB_ID_TEXT_SIZE];
    buffer_init(&text, SMALL_TEXT_MAX);
    object_path(path, "snapshots", id);
    blob_id_to_text(id, name);
    if (object_store_is_gone(repository->store, path, ret_lost, err) != STATUS_OK)
        return error_status(err);
    if (*ret_lost)
        return STATUS_OK;
    enum status status = unpacked_load(repository, "snapshots", name, &text, err);
    *ret_lost = status != STATUS_OK;
    return repository_snapshot_is_unreadable(status) ? STATUS_OK : status;
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
