#include "core/bandwidth.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

enum {
    US_PER_S = 1000000,
    BURST_US = 100000, /* what may be saved up while nothing moves */
    LOOK_US = 200000   /* a waiting thread looks for a cancel this often */
};

struct bucket_of_tokens {
    int64_t rate;   /* 0: no limit */
    int64_t tokens; /* below 0: a debt, which everybody waits for */
    int64_t filled_us;
};

struct bandwidth {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct bucket_of_tokens ways[BANDWIDTH_WAYS];
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)US_PER_S + now.tv_nsec / 1000;
}

enum status bandwidth_new(struct bandwidth **ret_bandwidth, struct error *err)
{
    CLEANUP(free_any) struct bandwidth *bandwidth = calloc(1, sizeof(*bandwidth));
    pthread_condattr_t attributes;
    if (bandwidth == NULL || pthread_condattr_init(&attributes) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "bandwidth");
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&bandwidth->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&bandwidth->mutex, NULL);
    *ret_bandwidth = STEAL(bandwidth);
    return STATUS_OK;
}

void bandwidth_free(struct bandwidth *bandwidth)
{
    if (bandwidth == NULL)
        return;
    (void)pthread_cond_destroy(&bandwidth->changed);
    (void)pthread_mutex_destroy(&bandwidth->mutex);
    free(bandwidth);
}

/* Old debts are forgotten: a limit that is lifted a hundredfold must not leave anybody waiting for
 * what the old one would have needed. */
static void set_rate(struct bucket_of_tokens *way, int64_t rate)
{
    if (way->rate == rate)
        return;
    way->rate = rate;
    way->tokens = 0;
    way->filled_us = now_us();
}

void bandwidth_set(struct bandwidth *bandwidth, int64_t upload, int64_t download)
{
    (void)pthread_mutex_lock(&bandwidth->mutex);
    set_rate(&bandwidth->ways[BANDWIDTH_UPLOAD], upload);
    set_rate(&bandwidth->ways[BANDWIDTH_DOWNLOAD], download);
    (void)pthread_mutex_unlock(&bandwidth->mutex);
    (void)pthread_cond_broadcast(&bandwidth->changed);
}

/* Only whole bytes are given, and only the time that they stand for is used up. */
static void fill(struct bucket_of_tokens *way)
{
    int64_t now = now_us();
    int64_t elapsed = now - way->filled_us;
    if (elapsed > US_PER_S) {
        elapsed = US_PER_S;
        way->filled_us = now - elapsed;
    }
    int64_t gained = elapsed * way->rate / US_PER_S;
    int64_t burst = way->rate * BURST_US / US_PER_S;
    way->filled_us += gained * US_PER_S / way->rate;
    way->tokens += gained;
    if (way->tokens > burst)
        way->tokens = burst;
}

static int64_t wait_us(const struct bucket_of_tokens *way)
{
    int64_t us = (1 - way->tokens) * US_PER_S / way->rate + 1;
    return us < LOOK_US ? us : LOOK_US;
}

static bool is_canceled(const struct cancel *cancel)
{
    return cancel != NULL && atomic_load(&cancel->status) != STATUS_OK;
}

/* With the mutex held: until there is something to take, no limit any more, or a cancel. */
static void wait_for_tokens(struct bandwidth *bandwidth, struct bucket_of_tokens *way,
                            const struct cancel *cancel)
{
    while (way->rate > 0 && !is_canceled(cancel)) {
        fill(way);
        if (way->tokens > 0)
            return;
        int64_t until_us = now_us() + wait_us(way);
        struct timespec until = {.tv_sec = until_us / US_PER_S,
                                 .tv_nsec = until_us % US_PER_S * 1000};
        (void)pthread_cond_timedwait(&bandwidth->changed, &bandwidth->mutex, &until);
    }
}

size_t bandwidth_take(struct bandwidth *bandwidth, enum bandwidth_way way, size_t bytes,
                      const struct cancel *cancel, int64_t *waited_ms)
{
    if (bandwidth == NULL)
        return bytes;
    (void)pthread_mutex_lock(&bandwidth->mutex);
    struct bucket_of_tokens *own = &bandwidth->ways[way];
    if (own->rate > 0) {
        int64_t started_us = now_us();
        wait_for_tokens(bandwidth, own, cancel);
        *waited_ms += (now_us() - started_us) / 1000;
    }
    if (own->rate > 0) {
        bytes = bytes < BANDWIDTH_STEP_BYTES ? bytes : BANDWIDTH_STEP_BYTES;
        own->tokens -= (int64_t)bytes;
    }
    (void)pthread_mutex_unlock(&bandwidth->mutex);
    return bytes;
}
