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

struct thread_group {
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

static enum status take_items(struct thread_group *group, void *state, struct error *err)
{
    const struct restore_work *work = group->work;
    for (;;) {
        size_t item = atomic_fetch_add(&group->next, 1);
        if (item >= work->count || atomic_load(&group->stop))
            return STATUS_OK;
        if (cancel_check(group->restore->operation.work->cancel, err) != STATUS_OK ||
            work->item(group->restore, state, item, err) != STATUS_OK)
            return error_status(err);
    }
}

static void *run(void *context)
{
    struct thread_group *group = context;
    struct error err = {0};
    void *state = NULL;
    enum status status = group->work->make(group->restore, group->work->shared, &state, &err);
    if (status == STATUS_OK)
        status = take_items(group, state, &err);
    if (state != NULL)
        group->work->release(state);
    (void)pthread_mutex_lock(&group->mutex);
    if (status != STATUS_OK && group->failure.status == STATUS_OK)
        group->failure = err;
    if (status != STATUS_OK)
        atomic_store(&group->stop, true);
    group->running--;
    (void)pthread_cond_signal(&group->ended);
    (void)pthread_mutex_unlock(&group->mutex);
    return NULL;
}

static unsigned start(struct thread_group *group, pthread_t *threads, unsigned count)
{
    struct error ignored;
    unsigned started = 0;
    group->running = count;
    while (started < count && thread_start(run, group, &threads[started], &ignored) == STATUS_OK)
        started++;
    (void)pthread_mutex_lock(&group->mutex);
    group->running -= count - started;
    (void)pthread_mutex_unlock(&group->mutex);
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

static bool wait_a_moment(struct thread_group *group)
{
    struct timespec when = soon();
    (void)pthread_mutex_lock(&group->mutex);
    int result = 0;
    while (group->running > 0 && result == 0)
        result = pthread_cond_timedwait(&group->ended, &group->mutex, &when);
    bool running = group->running > 0;
    (void)pthread_mutex_unlock(&group->mutex);
    return running;
}

static enum status watch(struct thread_group *group, struct error *err)
{
    enum status status = STATUS_OK;
    while (wait_a_moment(group)) {
        if (status == STATUS_OK)
            status = operation_report(&group->restore->operation, err);
        if (status != STATUS_OK)
            atomic_store(&group->stop, true);
    }
    if (status != STATUS_OK)
        return status;
    if (group->failure.status != STATUS_OK) {
        *err = group->failure;
        return error_status(err);
    }
    return operation_report(&group->restore->operation, err);
}

static void group_init(struct thread_group *group)
{
    pthread_condattr_t monotonic;
    (void)pthread_mutex_init(&group->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&group->ended, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

enum status restore_threads(struct restore *restore, const struct restore_work *work,
                            struct error *err)
{
    struct thread_group group = {.restore = restore, .work = work};
    unsigned wanted = restore_thread_count(restore);
    if (work->count < wanted)
        wanted = (unsigned)work->count;
    if (wanted == 0)
        return STATUS_OK;
    pthread_t threads[THREADS_MAX];
    group_init(&group);
    unsigned started = start(&group, threads, wanted);
    enum status status = started > 0 ? watch(&group, err) : STATUS_NO_MEMORY;
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_cond_destroy(&group.ended);
    (void)pthread_mutex_destroy(&group.mutex);
    if (started == 0)
        return FAIL(err, STATUS_NO_MEMORY, "no thread could be started");
    return status;
}
