/*
 * Threads take item after item. The calling thread does none of the work: it reports while the
 * others are at it, and tells them to stop when the caller wants an end or one of them fails.
 */
#include "core/cancel.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "core/thread.h"
#include "job.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum { REPORT_MS = 200, THREADS_MAX = 64 };

struct crew {
    struct restore *restore;
    const struct restore_work *work;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t ended;
    unsigned running;
    struct error failure; /* the first */
};

unsigned restore_thread_count(const struct restore *restore)
{
    cpu_set_t processors;
    if (restore->threads != 0)
        return restore->threads < THREADS_MAX ? restore->threads : THREADS_MAX;
    if (sched_getaffinity(0, sizeof(processors), &processors) != 0)
        return 1;
    unsigned count = (unsigned)CPU_COUNT(&processors);
    return count < THREADS_MAX ? count : THREADS_MAX;
}

static enum status take_items(struct crew *crew, void *state, struct error *err)
{
    const struct restore_work *work = crew->work;
    for (;;) {
        size_t item = atomic_fetch_add(&crew->next, 1);
        if (item >= work->count || atomic_load(&crew->stop))
            return STATUS_OK;
        if (cancel_check(crew->restore->operation.work->cancel, err) != STATUS_OK ||
            work->item(crew->restore, state, item, err) != STATUS_OK)
            return error_status(err);
    }
}

static void *run(void *context)
{
    struct crew *crew = context;
    struct error err = {0};
    void *state = NULL;
    enum status status = crew->work->make(crew->restore, crew->work->shared, &state, &err);
    if (status == STATUS_OK)
        status = take_items(crew, state, &err);
    if (state != NULL)
        crew->work->release(state);
    (void)pthread_mutex_lock(&crew->mutex);
    if (status != STATUS_OK && crew->failure.status == STATUS_OK)
        crew->failure = err;
    if (status != STATUS_OK)
        atomic_store(&crew->stop, true);
    crew->running--;
    (void)pthread_cond_signal(&crew->ended);
    (void)pthread_mutex_unlock(&crew->mutex);
    return NULL;
}

static unsigned start(struct crew *crew, pthread_t *threads, unsigned count)
{
    struct error ignored;
    unsigned started = 0;
    crew->running = count;
    while (started < count && thread_start(run, crew, &threads[started], &ignored) == STATUS_OK)
        started++;
    (void)pthread_mutex_lock(&crew->mutex);
    crew->running -= count - started;
    (void)pthread_mutex_unlock(&crew->mutex);
    return started;
}

static struct timespec soon(void)
{
    struct timespec when;
    (void)clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_nsec += REPORT_MS * 1000000L;
    if (when.tv_nsec >= 1000000000L) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000L;
    }
    return when;
}

static bool wait_a_moment(struct crew *crew)
{
    struct timespec when = soon();
    (void)pthread_mutex_lock(&crew->mutex);
    int result = 0;
    while (crew->running > 0 && result == 0)
        result = pthread_cond_timedwait(&crew->ended, &crew->mutex, &when);
    bool running = crew->running > 0;
    (void)pthread_mutex_unlock(&crew->mutex);
    return running;
}

static enum status watch(struct crew *crew, struct error *err)
{
    enum status status = STATUS_OK;
    while (wait_a_moment(crew)) {
        if (status == STATUS_OK)
            status = operation_report(&crew->restore->operation, err);
        if (status != STATUS_OK)
            atomic_store(&crew->stop, true);
    }
    if (status != STATUS_OK)
        return status;
    if (crew->failure.status != STATUS_OK) {
        *err = crew->failure;
        return error_status(err);
    }
    return operation_report(&crew->restore->operation, err);
}

static void crew_init(struct crew *crew)
{
    pthread_condattr_t monotonic;
    (void)pthread_mutex_init(&crew->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&crew->ended, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

enum status restore_threads(struct restore *restore, const struct restore_work *work,
                            struct error *err)
{
    struct crew crew = {.restore = restore, .work = work};
    unsigned wanted = restore_thread_count(restore);
    if (work->count < wanted)
        wanted = (unsigned)work->count;
    if (wanted == 0)
        return STATUS_OK;
    pthread_t threads[THREADS_MAX];
    crew_init(&crew);
    unsigned started = start(&crew, threads, wanted);
    enum status status = started > 0 ? watch(&crew, err) : STATUS_NO_MEMORY;
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_cond_destroy(&crew.ended);
    (void)pthread_mutex_destroy(&crew.mutex);
    if (started == 0)
        return FAIL(err, STATUS_NO_MEMORY, "no thread could be started");
    return status;
}
