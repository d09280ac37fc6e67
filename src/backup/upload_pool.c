#include "upload_pool.h"

#include "core/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_ENTRIES = 32, /* claimed at a time, if the line is long enough */
    BATCH_BYTES = 512 * 1024,
    PUBLISH_ENTRIES = 16,
    DIRECTORIES_MAX = 256 /* that the walk has left, with an open descriptor each */
};

struct crew {
    struct hand hands[CREW_THREADS_MAX];
    pthread_t threads[CREW_THREADS_MAX];
    size_t count;
    const struct crew_tasks *tasks; /* borrowed */
    struct chunker chunker;
    atomic_bool stopped;

    /* Of the calling thread. Entries are numbered in the order in which they came; number n stands
     * at ring[n % CREW_LINE_ENTRIES]. */
    size_t first, end;
    size_t ready;       /* from the first one */
    size_t directories; /* in the line, left by the walk */
    bool has_work;      /* in what is not published yet */

    /* Of all, with the mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t work; /* there is some, or an end of it */
    pthread_cond_t news; /* for the calling thread */
    size_t published;    /* up to here the crew sees entries */
    size_t claimed;      /* up to here they are in hand, or done */
    size_t idle;
    bool listening; /* the calling thread waits */
    struct slab *offered, **offered_end;
    size_t offered_count;
    struct slab *spare;
    size_t slab_count;
    int64_t bytes;
    uint64_t chunks;
    struct error failure;

    struct errand ring[CREW_LINE_ENTRIES];
};

static void lock(struct crew *crew)
{
    (void)pthread_mutex_lock(&crew->mutex);
}

static void unlock(struct crew *crew)
{
    (void)pthread_mutex_unlock(&crew->mutex);
}

static struct errand *entry(struct crew *crew, size_t number)
{
    return &crew->ring[number % CREW_LINE_ENTRIES];
}

static struct slab *slab_new(void)
{
    struct slab *slab = calloc(1, sizeof(*slab));
    if (slab != NULL)
        slab->bytes = malloc(SLAB_BYTES);
    if (slab != NULL && slab->bytes == NULL) {
        free(slab);
        slab = NULL;
    }
    return slab;
}

static void slab_free(struct slab *slab)
{
    if (slab == NULL)
        return;
    free(slab->bytes);
    free(slab);
}

static void slabs_free(struct slab *slab)
{
    while (slab != NULL) {
        struct slab *next = slab->next;
        slab_free(slab);
        slab = next;
    }
}

bool crew_is_stopped(const struct hand *hand)
{
    return atomic_load_explicit(&hand->crew->stopped, memory_order_relaxed);
}

static void fail_guarded(struct crew *crew, const struct error *cause)
{
    if (crew->failure.status == STATUS_OK)
        crew->failure = *cause;
    atomic_store(&crew->stopped, true);
    (void)pthread_cond_broadcast(&crew->work);
    (void)pthread_cond_signal(&crew->news);
}

/* What the hand has counted comes to the caller's notice. */
static void tell_guarded(struct crew *crew, struct hand *hand)
{
    crew->bytes += hand->bytes;
    crew->chunks += hand->chunks;
    hand->bytes = 0;
    hand->chunks = 0;
    if (crew->listening)
        (void)pthread_cond_signal(&crew->news);
}

/* One thread less has a part of it; the last one closes the file. */
static void put_down_guarded(struct errand *errand)
{
    if (--errand->at_work > 0)
        return;
    if (errand->fd >= 0)
        (void)close(errand->fd);
    errand->fd = -1;
    errand->done = true;
}

/* From the first unclaimed entry up to *ret_end; false: there is none. Others come along with the
 * files: they are done already. */
static bool claim_guarded(struct crew *crew, size_t *ret_start, size_t *ret_end)
{
    while (crew->claimed < crew->published && entry(crew, crew->claimed)->done)
        crew->claimed++;
    size_t start = crew->claimed;
    size_t share = (crew->published - start) / (2 * crew->count) + 1;
    size_t most = BATCH_ENTRIES;
    if (share < most)
        most = share;
    int64_t bytes = 0;
    while (crew->claimed < crew->published && crew->claimed - start < most) {
        struct errand *errand = entry(crew, crew->claimed);
        int64_t more = errand_is_to_read(errand) ? errand->bytes : 0;
        if (crew->claimed > start && bytes + more > BATCH_BYTES)
            break;
        bytes += more;
        if (errand_is_to_read(errand))
            errand->at_work = 1;
        crew->claimed++;
    }
    if (crew->claimed < crew->published && crew->idle > 0)
        (void)pthread_cond_signal(&crew->work);
    *ret_start = start;
    *ret_end = crew->claimed;
    return start < crew->claimed;
}

/* With the mutex held on entry and on return, as are the next ones. */
static void read_batch(struct crew *crew, struct hand *hand, size_t start, size_t end)
{
    struct error err;
    enum status status = STATUS_OK;
    unlock(crew);
    for (size_t n = start; n < end && status == STATUS_OK && !crew_is_stopped(hand); n++)
        if (errand_is_to_read(entry(crew, n)))
            status = crew->tasks->read(hand, entry(crew, n), &err);
    lock(crew);
    for (size_t n = start; n < end; n++)
        if (errand_is_to_read(entry(crew, n)))
            put_down_guarded(entry(crew, n));
    tell_guarded(crew, hand);
    if (status != STATUS_OK)
        fail_guarded(crew, &err);
}

static void save_offered(struct crew *crew, struct hand *hand)
{
    struct error err;
    struct slab *slab = crew->offered;
    crew->offered = slab->next;
    if (crew->offered == NULL)
        crew->offered_end = &crew->offered;
    crew->offered_count--;
    unlock(crew);
    enum status status = crew->tasks->save(hand, slab, &err);
    lock(crew);
    put_down_guarded(slab->errand);
    slab->next = crew->spare;
    crew->spare = slab;
    tell_guarded(crew, hand);
    if (status != STATUS_OK)
        fail_guarded(crew, &err);
}

static void *run(void *context)
{
    struct hand *hand = context;
    struct crew *crew = hand->crew;
    size_t start = 0;
    size_t end = 0;
    lock(crew);
    while (!crew_is_stopped(hand)) {
        if (crew->offered != NULL) {
            save_offered(crew, hand);
        } else if (claim_guarded(crew, &start, &end)) {
            read_batch(crew, hand, start, end);
        } else {
            crew->idle++;
            (void)pthread_cond_wait(&crew->work, &crew->mutex);
            crew->idle--;
        }
    }
    unlock(crew);
    return NULL;
}

static size_t count_threads(size_t wanted)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted == 0)
        wanted = processors > 0 ? (size_t)processors : 1;
    return wanted < CREW_THREADS_MAX ? wanted : CREW_THREADS_MAX;
}

static enum status start_thread(struct crew *crew, struct error *err)
{
    if (thread_start(run, &crew->hands[crew->count], &crew->threads[crew->count], err) != STATUS_OK)
        return err->status;
    crew->count++;
    return STATUS_OK;
}

static enum status prepare_hand(struct crew *crew, struct hand *hand, struct repository *repository,
                                struct error *err)
{
    hand->crew = crew;
    hand->repository = repository;
    hand->chunker = &crew->chunker;
    attributes_init(&hand->attributes);
    hand->slab = slab_new();
    if (hand->slab == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a buffer of %d bytes", SLAB_BYTES);
    return STATUS_OK;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

enum status crew_new(struct repository *repository, const struct crew_tasks *tasks, size_t threads,
                     struct crew **ret_crew, struct error *err)
{
    CLEANUP(crew_freep) struct crew *crew = calloc(1, sizeof(*crew));
    if (crew == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "threads");
    crew->tasks = tasks;
    (void)pthread_mutex_init(&crew->mutex, NULL);
    init_condition(&crew->work);
    init_condition(&crew->news);
    crew->offered_end = &crew->offered;
    chunker_init(&crew->chunker, repository_polynomial(repository));
    size_t wanted = count_threads(threads);
    while (crew->slab_count < wanted)
        if (prepare_hand(crew, &crew->hands[crew->slab_count++], repository, err) != STATUS_OK)
            return err->status;
    lock(crew); /* no thread runs before all are there */
    while (crew->count < wanted)
        if (start_thread(crew, err) != STATUS_OK)
            break;
    bool complete = crew->count == wanted;
    unlock(crew);
    if (!complete)
        return err->status;
    *ret_crew = STEAL(crew);
    return STATUS_OK;
}

void crew_free(struct crew *crew)
{
    if (crew == NULL)
        return;
    lock(crew);
    atomic_store(&crew->stopped, true);
    (void)pthread_cond_broadcast(&crew->work);
    unlock(crew);
    for (size_t i = 0; i < crew->count; i++)
        (void)pthread_join(crew->threads[i], NULL);
    for (; crew->first < crew->end; crew->first++)
        errand_done(entry(crew, crew->first));
    for (size_t i = 0; i < CREW_THREADS_MAX; i++) {
        attributes_done(&crew->hands[i].attributes);
        slab_free(crew->hands[i].slab);
    }
    slabs_free(crew->offered);
    slabs_free(crew->spare);
    (void)pthread_cond_destroy(&crew->work);
    (void)pthread_cond_destroy(&crew->news);
    (void)pthread_mutex_destroy(&crew->mutex);
    free(crew);
}

bool crew_is_full(const struct crew *crew)
{
    return crew->end - crew->first == CREW_LINE_ENTRIES || crew->directories == DIRECTORIES_MAX;
}

bool crew_is_empty(const struct crew *crew)
{
    return crew->first == crew->end;
}

static void publish_guarded(struct crew *crew)
{
    if (crew->published == crew->end)
        return;
    crew->published = crew->end;
    if (crew->idle > 0 && crew->has_work)
        (void)pthread_cond_signal(&crew->work);
    crew->has_work = false;
}

enum status crew_prepare(struct crew *crew, const struct walk_item *item,
                         struct errand **ret_errand, struct error *err)
{
    struct errand *errand = entry(crew, crew->end);
    if (errand_init(errand, item, err) != STATUS_OK)
        return err->status;
    *ret_errand = errand;
    return STATUS_OK;
}

void crew_push(struct crew *crew)
{
    const struct errand *errand = entry(crew, crew->end);
    crew->directories += errand->kind == WALK_LEAVE;
    crew->has_work = crew->has_work || !errand->done;
    crew->end++;
    if (crew->end % PUBLISH_ENTRIES == 0 || (!errand->done && errand->bytes > BATCH_BYTES)) {
        lock(crew);
        publish_guarded(crew);
        unlock(crew);
    }
}

static size_t count_ready(struct crew *crew)
{
    while (crew->first + crew->ready < crew->published &&
           entry(crew, crew->first + crew->ready)->done)
        crew->ready++;
    return crew->ready;
}

static void wait_for_news(struct crew *crew)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += CREW_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    crew->listening = true;
    (void)pthread_cond_timedwait(&crew->news, &crew->mutex, &until);
    crew->listening = false;
}

enum status crew_look(struct crew *crew, bool wait, struct crew_news *ret_news, struct error *err)
{
    lock(crew);
    publish_guarded(crew);
    if (wait && count_ready(crew) == 0 && crew->chunks == 0 && crew->failure.status == STATUS_OK)
        wait_for_news(crew);
    *ret_news = (struct crew_news){
        .ready = count_ready(crew), .bytes = crew->bytes, .chunks = crew->chunks};
    crew->bytes = 0;
    crew->chunks = 0;
    struct error failure = crew->failure;
    unlock(crew);
    if (failure.status == STATUS_OK)
        return STATUS_OK;
    *err = failure;
    return error_status(err);
}

struct errand *crew_next(struct crew *crew)
{
    assert(crew->ready > 0);
    return entry(crew, crew->first);
}

void crew_drop(struct crew *crew)
{
    struct errand *errand = crew_next(crew);
    crew->directories -= errand->kind == WALK_LEAVE;
    errand_done(errand);
    crew->ready--;
    crew->first++;
}

enum status crew_reserve_id(struct hand *hand, struct errand *errand, size_t *ret_index,
                            struct error *err)
{
    lock(hand->crew);
    enum status status = errand_reserve_id(errand, ret_index, err);
    unlock(hand->crew);
    return status;
}

void crew_set_id(struct hand *hand, struct errand *errand, size_t index, const struct blob_id *id,
                 uint64_t bytes)
{
    struct crew *crew = hand->crew;
    lock(crew);
    errand_set_id(errand, index, id);
    int64_t left = errand->bytes - errand->counted;
    int64_t more = (int64_t)bytes < left ? (int64_t)bytes : left;
    errand->counted += more;
    errand->content.size += bytes;
    hand->bytes += more;
    hand->chunks++;
    tell_guarded(crew, hand);
    unlock(crew);
}

/* Of chunks that wait: enough for those who come to an end while a chunk is being found. */
static size_t most_offered(const struct crew *crew)
{
    return (crew->count + 1) / 2;
}

struct slab *crew_find_slab(struct hand *hand)
{
    struct crew *crew = hand->crew;
    struct slab *slab = NULL;
    lock(crew);
    bool wanted = crew->count > 1 && crew->offered_count < most_offered(crew);
    if (wanted && crew->spare != NULL) {
        slab = crew->spare;
        crew->spare = slab->next;
    } else if (wanted && crew->slab_count < crew->count + most_offered(crew)) {
        slab = slab_new(); /* without memory it goes on by itself */
        crew->slab_count += slab != NULL;
    }
    unlock(crew);
    return slab;
}

void crew_offer(struct hand *hand, struct errand *errand, size_t index, struct slab *next)
{
    struct crew *crew = hand->crew;
    struct slab *slab = hand->slab;
    slab->errand = errand;
    slab->index = index;
    slab->next = NULL;
    hand->slab = next;
    lock(crew);
    errand->at_work++;
    *crew->offered_end = slab;
    crew->offered_end = &slab->next;
    crew->offered_count++;
    if (crew->idle > 0)
        (void)pthread_cond_signal(&crew->work);
    unlock(crew);
}
