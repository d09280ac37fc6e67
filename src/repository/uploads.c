#include "uploads.h"

#include "core/thread.h"
#include "repository_internal.h"

void uploads_init(struct uploads *uploads)
{
    *uploads = (struct uploads){.wanted = 1};
    uploads->end = &uploads->first;
    (void)pthread_cond_init(&uploads->work, NULL);
    (void)pthread_cond_init(&uploads->done, NULL);
}

/* A packer that could not be stored stays full, and is nobody's any more. */
static void store_guarded(struct repository *repository, struct packer *packer)
{
    struct error err = {0};
    repository_release(repository);
    enum status status = repository_store_open_pack(repository, packer, &err);
    if (status != STATUS_OK)
        status = repository_latch(repository, &err);
    repository_guard(repository);
    if (status == STATUS_OK)
        packer_make_idle_last_guarded(repository, packer);
    repository->uploads.count--;
    (void)pthread_cond_broadcast(&repository->uploads.done);
}

/* NULL: none waits. */
static struct packer *take_first(struct uploads *uploads)
{
    struct packer *packer = uploads->first;
    if (packer == NULL)
        return NULL;
    uploads->first = packer->next_idle;
    if (uploads->first == NULL)
        uploads->end = &uploads->first;
    return packer;
}

static void *run(void *context)
{
    struct repository *repository = context;
    struct uploads *uploads = &repository->uploads;
    repository_guard(repository);
    while (!uploads->stopping) {
        struct packer *packer = take_first(uploads);
        if (packer != NULL)
            store_guarded(repository, packer);
        else
            (void)pthread_cond_wait(&uploads->work, &repository->mutex);
    }
    repository_release(repository);
    return NULL;
}

/* One more, as long as there are fewer than packs to store. */
static void start_thread(struct repository *repository)
{
    struct error ignored;
    struct uploads *uploads = &repository->uploads;
    if (uploads->running < uploads->wanted && uploads->running < uploads->count &&
        thread_start(run, repository, &uploads->threads[uploads->running], &ignored) == STATUS_OK)
        uploads->running++;
}

static void add_last(struct repository *repository, struct packer *packer)
{
    struct uploads *uploads = &repository->uploads;
    packer->next_idle = NULL;
    *uploads->end = packer;
    uploads->end = &packer->next_idle;
    uploads->count++;
    start_thread(repository);
    (void)pthread_cond_signal(&uploads->work);
}

static void store_waiting_guarded(struct repository *repository)
{
    struct packer *packer = NULL;
    while ((packer = take_first(&repository->uploads)) != NULL)
        store_guarded(repository, packer);
}

void uploads_add_guarded(struct repository *repository, struct packer *packer)
{
    struct uploads *uploads = &repository->uploads;
    while (uploads->count >= uploads->wanted)
        (void)pthread_cond_wait(&uploads->done, &repository->mutex);
    add_last(repository, packer);
    if (uploads->running == 0) /* not a single thread could be started */
        store_waiting_guarded(repository);
}

/* Packers that are not full are idle now. */
static void add_all_guarded(struct repository *repository)
{
    repository->idle[BLOB_DATA] = NULL;
    repository->idle[BLOB_TREE] = NULL;
    for (struct packer *packer = repository->packers; packer != NULL; packer = packer->next) {
        if (packer->full)
            continue;
        packer->full = packer->count > 0;
        if (packer->full)
            add_last(repository, packer);
        else
            packer_make_idle_guarded(repository, packer);
    }
}

void uploads_finish(struct repository *repository)
{
    repository_guard(repository);
    add_all_guarded(repository);
    store_waiting_guarded(repository); /* there is nothing else to do */
    while (repository->uploads.count > 0)
        (void)pthread_cond_wait(&repository->uploads.done, &repository->mutex);
    repository_release(repository);
}

void uploads_done(struct repository *repository)
{
    struct uploads *uploads = &repository->uploads;
    repository_guard(repository);
    uploads->stopping = true;
    (void)pthread_cond_broadcast(&uploads->work);
    repository_release(repository);
    while (uploads->running > 0)
        (void)pthread_join(uploads->threads[--uploads->running], NULL);
    (void)pthread_cond_destroy(&uploads->work);
    (void)pthread_cond_destroy(&uploads->done);
}
