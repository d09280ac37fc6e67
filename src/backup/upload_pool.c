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
    LEASES_WAIT_MS = 5 * 60 * 1000, /* each thread, for all of its files */
    DIRECTORIES_MAX = 512           /* entered and left by the walk, each with an open descriptor */
};

struct upload_pool {
    struct upload_thread workers[UPLOAD_THREADS_MAX];
    pthread_t threads[UPLOAD_THREADS_MAX];
    size_t count;
    const struct upload_tasks *tasks; /* borrowed */
    struct chunker chunker;
    atomic_bool stopped;

    /* Of the calling thread. Entries are numbered in the order in which they came; number n stands
     * at ring[n % UPLOAD_LINE_ENTRIES]. */
    size_t first, end;
    size_t ready;       /* from the first one */
    size_t directories; /* in the line */
    bool has_work;      /* in what is not published yet */

    /* Of all, with the mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t work; /* there is some, or an end of it */
    pthread_cond_t news; /* for the calling thread */
    size_t published;    /* up to here the pool sees entries */
    size_t claimed;      /* up to here they are in hand, or done */
    size_t idle;
    bool listening; /* the calling thread waits */
    struct chunk_buffer *offered, **offered_end;
    size_t offered_count;
    struct chunk_buffer *spare;
    size_t buffer_count;
    int64_t bytes;
    uint64_t chunks;
    struct error failure;

    struct upload_entry ring[UPLOAD_LINE_ENTRIES];
};

static void lock(struct upload_pool *pool)
{
    (void)pthread_mutex_lock(&pool->mutex);
}

static void unlock(struct upload_pool *pool)
{
    (void)pthread_mutex_unlock(&pool->mutex);
}

static struct upload_entry *entry_at(struct upload_pool *pool, size_t number)
{
    return &pool->ring[number % UPLOAD_LINE_ENTRIES];
}

static struct chunk_buffer *chunk_buffer_new(void)
{
    struct chunk_buffer *buffer = calloc(1, sizeof(*buffer));
    if (buffer != NULL)
        buffer->bytes = malloc(CHUNK_BUFFER_BYTES);
    if (buffer != NULL && buffer->bytes == NULL) {
        free(buffer);
        buffer = NULL;
    }
    return buffer;
}

static void chunk_buffer_free(struct chunk_buffer *buffer)
{
    if (buffer == NULL)
        return;
    free(buffer->bytes);
    free(buffer);
}

static void chunk_buffers_free(struct chunk_buffer *buffer)
{
    while (buffer != NULL) {
        struct chunk_buffer *next = buffer->next;
        chunk_buffer_free(buffer);
        buffer = next;
    }
}

bool upload_pool_is_stopped(const struct upload_thread *thread)
{
    return atomic_load_explicit(&thread->pool->stopped, memory_order_relaxed);
}

static void fail_guarded(struct upload_pool *pool, const struct error *cause)
{
    if (pool->failure.status == STATUS_OK)
        pool->failure = *cause;
    atomic_store(&pool->stopped, true);
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_cond_signal(&pool->news);
}

/* What the thread has counted comes to the caller's notice. */
static void tell_guarded(struct upload_pool *pool, struct upload_thread *thread)
{
    pool->bytes += thread->bytes;
    pool->chunks += thread->chunks;
    thread->bytes = 0;
    thread->chunks = 0;
    if (pool->listening)
        (void)pthread_cond_signal(&pool->news);
}

/* One thread less has a part of it; the last one closes the file. */
static void put_down_guarded(struct upload_entry *entry)
{
    if (--entry->at_work > 0)
        return;
    if (entry->fd >= 0)
        (void)close(entry->fd);
    entry->fd = -1;
    entry->done = true;
}

/* From the first unclaimed entry up to *ret_end; false: there is none. Others come along with the
 * files: they are done already. */
static bool claim_guarded(struct upload_pool *pool, size_t *ret_start, size_t *ret_end)
{
    while (pool->claimed < pool->published && entry_at(pool, pool->claimed)->done)
        pool->claimed++;
    size_t start = pool->claimed;
    size_t share = (pool->published - start) / (2 * pool->count) + 1;
    size_t most = BATCH_ENTRIES;
    if (share < most)
        most = share;
    int64_t bytes = 0;
    while (pool->claimed < pool->published && pool->claimed - start < most) {
        struct upload_entry *entry = entry_at(pool, pool->claimed);
        int64_t more = upload_entry_is_to_read(entry) ? entry->bytes : 0;
        if (pool->claimed > start && bytes + more > BATCH_BYTES)
            break;
        bytes += more;
        if (upload_entry_is_to_read(entry))
            entry->at_work = 1;
        pool->claimed++;
    }
    if (pool->claimed < pool->published && pool->idle > 0)
        (void)pthread_cond_signal(&pool->work);
    *ret_start = start;
    *ret_end = pool->claimed;
    return start < pool->claimed;
}

/* With the mutex held on entry and on return, as are the next ones. */
static void read_batch(struct upload_pool *pool, struct upload_thread *thread, size_t start,
                       size_t end)
{
    struct error err;
    enum status status = STATUS_OK;
    unlock(pool);
    for (size_t n = start; n < end && status == STATUS_OK && !upload_pool_is_stopped(thread); n++)
        if (upload_entry_is_to_read(entry_at(pool, n)))
            status = pool->tasks->read(thread, entry_at(pool, n), &err);
    lock(pool);
    for (size_t n = start; n < end; n++)
        if (upload_entry_is_to_read(entry_at(pool, n)))
            put_down_guarded(entry_at(pool, n));
    tell_guarded(pool, thread);
    if (status != STATUS_OK)
        fail_guarded(pool, &err);
}

static void save_offered(struct upload_pool *pool, struct upload_thread *thread)
{
    struct error err;
    struct chunk_buffer *buffer = pool->offered;
    pool->offered = buffer->next;
    if (pool->offered == NULL)
        pool->offered_end = &pool->offered;
    pool->offered_count--;
    unlock(pool);
    enum status status = pool->tasks->save(thread, buffer, &err);
    lock(pool);
    put_down_guarded(buffer->entry);
    buffer->next = pool->spare;
    pool->spare = buffer;
    tell_guarded(pool, thread);
    if (status != STATUS_OK)
        fail_guarded(pool, &err);
}

static void *run(void *context)
{
    struct upload_thread *thread = context;
    struct upload_pool *pool = thread->pool;
    size_t start = 0;
    size_t end = 0;
    lock(pool);
    while (!upload_pool_is_stopped(thread)) {
        if (pool->offered != NULL) {
            save_offered(pool, thread);
        } else if (claim_guarded(pool, &start, &end)) {
            read_batch(pool, thread, start, end);
        } else {
            pool->idle++;
            (void)pthread_cond_wait(&pool->work, &pool->mutex);
            pool->idle--;
        }
    }
    unlock(pool);
    return NULL;
}

static size_t count_threads(size_t wanted)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted == 0)
        wanted = processors > 0 ? (size_t)processors : 1;
    return wanted < UPLOAD_THREADS_MAX ? wanted : UPLOAD_THREADS_MAX;
}

static enum status start_thread(struct upload_pool *pool, struct error *err)
{
    if (thread_start(run, &pool->workers[pool->count], &pool->threads[pool->count], err) !=
        STATUS_OK)
        return error_status(err);
    pool->count++;
    return STATUS_OK;
}

static bool is_stopped(void *context)
{
    return upload_pool_is_stopped(context);
}

static enum status prepare_thread(struct upload_pool *pool, struct upload_thread *thread,
                                  struct repository *repository, struct error *err)
{
    thread->pool = pool;
    thread->repository = repository;
    thread->chunker = &pool->chunker;
    thread->patience = (struct patience){
        .file_ms = patient_open_lease_ms(),
        .left_ms = LEASES_WAIT_MS,
        .is_over = is_stopped,
        .context = thread,
    };
    attributes_init(&thread->attributes);
    thread->buffer = chunk_buffer_new();
    if (thread->buffer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a buffer of %d bytes", CHUNK_BUFFER_BYTES);
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

enum status upload_pool_new(struct repository *repository, const struct upload_tasks *tasks,
                            size_t threads, struct upload_pool **ret_pool, struct error *err)
{
    CLEANUP(upload_pool_freep) struct upload_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "threads");
    pool->tasks = tasks;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    init_condition(&pool->work);
    init_condition(&pool->news);
    pool->offered_end = &pool->offered;
    chunker_init(&pool->chunker, repository_polynomial(repository));
    size_t wanted = count_threads(threads);
    while (pool->buffer_count < wanted) {
        if (prepare_thread(pool, &pool->workers[pool->buffer_count++], repository, err) !=
            STATUS_OK)
            return error_status(err);
    }
    lock(pool); /* no thread runs before all are there */
    while (pool->count < wanted)
        if (start_thread(pool, err) != STATUS_OK)
            break;
    bool complete = pool->count == wanted;
    unlock(pool);
    if (!complete)
        return error_status(err);
    *ret_pool = STEAL(pool);
    return STATUS_OK;
}

void upload_pool_free(struct upload_pool *pool)
{
    if (pool == NULL)
        return;
    lock(pool);
    atomic_store(&pool->stopped, true);
    (void)pthread_cond_broadcast(&pool->work);
    unlock(pool);
    for (size_t i = 0; i < pool->count; i++)
        (void)pthread_join(pool->threads[i], NULL);
    for (; pool->first < pool->end; pool->first++)
        upload_entry_done(entry_at(pool, pool->first));
    for (size_t i = 0; i < UPLOAD_THREADS_MAX; i++) {
        attributes_done(&pool->workers[i].attributes);
        chunk_buffer_free(pool->workers[i].buffer);
    }
    chunk_buffers_free(pool->offered);
    chunk_buffers_free(pool->spare);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_cond_destroy(&pool->news);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

bool upload_pool_is_full(const struct upload_pool *pool)
{
    return pool->end - pool->first == UPLOAD_LINE_ENTRIES || pool->directories >= DIRECTORIES_MAX;
}

bool upload_pool_is_empty(const struct upload_pool *pool)
{
    return pool->first == pool->end;
}

static void publish_guarded(struct upload_pool *pool)
{
    if (pool->published == pool->end)
        return;
    pool->published = pool->end;
    if (pool->idle > 0 && pool->has_work)
        (void)pthread_cond_signal(&pool->work);
    pool->has_work = false;
}

enum status upload_pool_prepare(struct upload_pool *pool, const struct walk_item *item,
                                struct upload_entry **ret_entry, struct error *err)
{
    struct upload_entry *entry = entry_at(pool, pool->end);
    if (upload_entry_init(entry, item, err) != STATUS_OK)
        return error_status(err);
    *ret_entry = entry;
    return STATUS_OK;
}

void upload_pool_push(struct upload_pool *pool)
{
    const struct upload_entry *entry = entry_at(pool, pool->end);
    pool->directories += entry->self != NULL;
    pool->has_work = pool->has_work || !entry->done;
    pool->end++;
    if (pool->end % PUBLISH_ENTRIES == 0 || (!entry->done && entry->bytes > BATCH_BYTES)) {
        lock(pool);
        publish_guarded(pool);
        unlock(pool);
    }
}

static size_t count_ready(struct upload_pool *pool)
{
    while (pool->first + pool->ready < pool->published &&
           entry_at(pool, pool->first + pool->ready)->done)
        pool->ready++;
    return pool->ready;
}

static void wait_for_news(struct upload_pool *pool)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += UPLOAD_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pool->listening = true;
    (void)pthread_cond_timedwait(&pool->news, &pool->mutex, &until);
    pool->listening = false;
}

enum status upload_pool_look(struct upload_pool *pool, bool wait, struct upload_news *ret_news,
                             struct error *err)
{
    lock(pool);
    publish_guarded(pool);
    if (wait && count_ready(pool) == 0 && pool->chunks == 0 && pool->failure.status == STATUS_OK)
        wait_for_news(pool);
    *ret_news = (struct upload_news){
        .ready = count_ready(pool), .bytes = pool->bytes, .chunks = pool->chunks};
    pool->bytes = 0;
    pool->chunks = 0;
    struct error failure = pool->failure;
    unlock(pool);
    if (failure.status == STATUS_OK)
        return STATUS_OK;
    *err = failure;
    return error_status(err);
}

struct upload_entry *upload_pool_next(struct upload_pool *pool)
{
    assert(pool->ready > 0);
    return entry_at(pool, pool->first);
}

void upload_pool_drop(struct upload_pool *pool)
{
    struct upload_entry *entry = upload_pool_next(pool);
    pool->directories -= entry->self != NULL;
    upload_entry_done(entry);
    pool->ready--;
    pool->first++;
}

enum status upload_pool_reserve_id(struct upload_thread *thread, struct upload_entry *entry,
                                   uint64_t times, size_t *ret_index, struct error *err)
{
    lock(thread->pool);
    enum status status = upload_entry_reserve_id(entry, times, ret_index, err);
    unlock(thread->pool);
    return status;
}

void upload_pool_set_id(struct upload_thread *thread, struct upload_entry *entry, size_t index,
                        const struct blob_id *id, uint64_t bytes)
{
    struct upload_pool *pool = thread->pool;
    lock(pool);
    upload_entry_set_id(entry, index, id);
    int64_t left = entry->bytes - entry->counted;
    int64_t more = (int64_t)bytes < left ? (int64_t)bytes : left;
    entry->counted += more;
    entry->content.size += bytes;
    thread->bytes += more;
    thread->chunks++;
    tell_guarded(pool, thread);
    unlock(pool);
}

/* How many chunks may wait: enough for those who come to an end while a chunk is being found. */
static size_t most_offered(const struct upload_pool *pool)
{
    return (pool->count + 1) / 2;
}

struct chunk_buffer *upload_pool_find_buffer(struct upload_thread *thread)
{
    struct upload_pool *pool = thread->pool;
    struct chunk_buffer *buffer = NULL;
    lock(pool);
    bool wanted = pool->count > 1 && pool->offered_count < most_offered(pool);
    if (wanted && pool->spare != NULL) {
        buffer = pool->spare;
        pool->spare = buffer->next;
    } else if (wanted && pool->buffer_count < pool->count + most_offered(pool)) {
        buffer = chunk_buffer_new(); /* without memory it goes on by itself */
        pool->buffer_count += buffer != NULL;
    }
    unlock(pool);
    return buffer;
}

void upload_pool_offer(struct upload_thread *thread, struct upload_entry *entry, size_t index,
                       struct chunk_buffer *next)
{
    struct upload_pool *pool = thread->pool;
    struct chunk_buffer *buffer = thread->buffer;
    buffer->entry = entry;
    buffer->index = index;
    buffer->next = NULL;
    thread->buffer = next;
    lock(pool);
    entry->at_work++;
    *pool->offered_end = buffer;
    pool->offered_end = &buffer->next;
    pool->offered_count++;
    if (pool->idle > 0)
        (void)pthread_cond_signal(&pool->work);
    unlock(pool);
}
