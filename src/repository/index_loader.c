/*
 * The index of a repository, from its files, by several threads: each fetches, opens, expands and
 * parses one file at a time, and enters it when it is that file's turn. The order is that of the
 * files' ids, so that the index is the same whatever thread is how fast; and no more is held beside
 * it than one file for each thread.
 */
#include "core/thread.h"
#include "repository/repository.h"
#include "repository_internal.h"

#include <unistd.h>

enum { LOADERS_MAX = 8 };

struct loading {
    struct repository *repository;
    const struct cancel *cancel;
    struct id_list files;

    pthread_mutex_t mutex;
    pthread_cond_t turn;
    size_t next;    /* to be loaded */
    size_t entered; /* how many are in the index */
    struct error failure;
};

/* What a thread works with. */
struct loader {
    struct sealer sealer;
    struct buffer text;
    struct index_part part;
};

static enum status load_file(struct loading *loading, struct loader *loader, const char *id,
                             struct error *err)
{
    if (cancel_check(loading->cancel, err) != STATUS_OK)
        return error_status(err);
    buffer_clear(&loader->text);
    if (unpacked_load_with(loading->repository, &loader->sealer, "index", id, &loader->text, err) !=
        STATUS_OK)
        return error_status(err);
    if (index_part_read(&loader->part, loader->text.bytes, loader->text.len, err) != STATUS_OK)
        return FAIL_IN(err, "index/%s", id);
    return STATUS_OK;
}

/* The first failure is the one that counts; nobody waits for a turn that does not come. */
static void fail_guarded(struct loading *loading, const struct error *cause)
{
    if (loading->failure.status == STATUS_OK)
        loading->failure = *cause;
    (void)pthread_cond_broadcast(&loading->turn);
}

static void enter_guarded(struct loading *loading, const struct loader *loader, size_t number)
{
    struct error err;
    while (loading->entered != number && loading->failure.status == STATUS_OK)
        (void)pthread_cond_wait(&loading->turn, &loading->mutex);
    if (loading->failure.status != STATUS_OK)
        return;
    if (index_part_add_to(&loader->part, &loading->repository->index, &err) != STATUS_OK)
        fail_guarded(loading, &err);
    loading->entered++;
    (void)pthread_cond_broadcast(&loading->turn);
}

static void load_guarded(struct loading *loading, struct loader *loader)
{
    while (loading->next < loading->files.count && loading->failure.status == STATUS_OK) {
        struct error err;
        size_t number = loading->next++;
        (void)pthread_mutex_unlock(&loading->mutex);
        enum status status = load_file(loading, loader, loading->files.ids[number], &err);
        (void)pthread_mutex_lock(&loading->mutex);
        if (status == STATUS_OK)
            enter_guarded(loading, loader, number);
        else
            fail_guarded(loading, &err);
    }
}

static void *run(void *context)
{
    struct loading *loading = context;
    struct loader loader = {.text = {.max = INDEX_TEXT_MAX}};
    struct error err;
    enum status status = sealer_init(&loader.sealer, &loading->repository->keys, &err);
    (void)pthread_mutex_lock(&loading->mutex);
    if (status == STATUS_OK)
        load_guarded(loading, &loader);
    else
        fail_guarded(loading, &err);
    (void)pthread_mutex_unlock(&loading->mutex);
    sealer_done(&loader.sealer);
    buffer_done(&loader.text);
    index_part_done(&loader.part);
    return NULL;
}

/* Beside the calling thread; it does alone what no other can be started for. */
static size_t start_others(struct loading *loading, pthread_t threads[LOADERS_MAX])
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = processors > LOADERS_MAX ? LOADERS_MAX : (size_t)processors;
    size_t count = 0;
    struct error ignored;
    while (count + 1 < wanted && count + 1 < loading->files.count &&
           thread_start(run, loading, &threads[count], &ignored) == STATUS_OK)
        count++;
    return count;
}

static enum status load_all(struct loading *loading, struct error *err)
{
    pthread_t threads[LOADERS_MAX];
    if (id_list_read(&loading->files, loading->repository->store, "index", err) != STATUS_OK)
        return error_status(err);
    object_cache_keep(&loading->repository->cache, "index", &loading->files);
    size_t others = start_others(loading, threads);
    (void)run(loading);
    while (others > 0)
        (void)pthread_join(threads[--others], NULL);
    if (loading->failure.status == STATUS_OK)
        return STATUS_OK;
    *err = loading->failure;
    return error_status(err);
}

enum status repository_load_index(struct repository *repository, const struct cancel *cancel,
                                  struct error *err)
{
    if (repository_is_dirty(repository))
        return FAIL(err, STATUS_CONFLICT, "load index: something saved was not flushed");
    blob_index_clear(&repository->index);
    struct loading loading = {.repository = repository, .cancel = cancel};
    (void)pthread_mutex_init(&loading.mutex, NULL);
    (void)pthread_cond_init(&loading.turn, NULL);
    enum status status = load_all(&loading, err);
    (void)pthread_cond_destroy(&loading.turn);
    (void)pthread_mutex_destroy(&loading.mutex);
    id_list_done(&loading.files);
    if (status != STATUS_OK) {
        blob_index_clear(&repository->index); /* half an index would store blobs twice */
        return FAIL_IN(err, "load index");
    }
    repository->packs_before = repository->index.pack_count;
    return STATUS_OK;
}
