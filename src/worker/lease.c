#include "lease.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct lease {
    struct renewal renewal; /* the thread's own, while it runs */
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_cond_t asked; /* a round has ended */
    /* What follows is touched under the mutex only. */
    struct lease_news news;
    bool fresh;  /* news that have not been sent */
    bool urgent; /* among them a change of state */
    bool stop;
    bool ended;                  /* the thread asks no more */
    int64_t begun, done, wanted; /* rounds of asking; one is due until wanted are done */
};

static void news_done(struct lease_news *news)
{
    json_decref(news->hook_state_details);
    json_decref(news->state_details);
}

static void copy_array(json_t **slot, const json_t *source)
{
    if (source == NULL || (*slot != NULL && json_equal(*slot, source)))
        return;
    json_t *copy = json_deep_copy(source);
    if (copy == NULL)
        return; /* without memory the next report tries again */
    json_decref(*slot);
    *slot = copy;
}

void lease_report(struct lease *lease, const struct work_report *report)
{
    (void)pthread_mutex_lock(&lease->mutex);
    struct lease_news *news = &lease->news;
    if (report->state > news->state) {
        news->state = report->state;
        lease->urgent = true;
    }
    if (report->stage != NULL)
        (void)snprintf(news->stage, sizeof(news->stage), "%s", report->stage);
    news->bytes_done = report->bytes_done;
    news->bytes_total = report->bytes_total;
    news->taken_ms = report->taken_ms;
    news->hook_state = report->hook_state;
    copy_array(&news->hook_state_details, report->hook_state_details);
    copy_array(&news->state_details, report->state_details);
    bool wake = lease->urgent || !lease->fresh;
    lease->fresh = true;
    (void)pthread_mutex_unlock(&lease->mutex);
    if (wake)
        (void)pthread_cond_signal(&lease->changed);
}

/* Makes the thread's private copy, so that the mutex is not held while Redis answers. */
static struct lease_news take_news(struct lease *lease)
{
    (void)pthread_mutex_lock(&lease->mutex);
    struct lease_news news = lease->news;
    news.hook_state_details = json_deep_copy(news.hook_state_details);
    news.state_details = json_deep_copy(news.state_details);
    lease->fresh = false;
    lease->urgent = false;
    (void)pthread_mutex_unlock(&lease->mutex);
    return news;
}

static enum status renew(struct lease *lease, struct error *err)
{
    struct lease_news news = take_news(lease);
    enum status status = renewal_send(&lease->renewal, &news, err);
    news_done(&news);
    return status;
}

/* The caller holds the mutex. */
static int64_t due_ms(const struct lease *lease)
{
    return renewal_due_ms(&lease->renewal, lease->fresh,
                          lease->urgent || lease->begun < lease->wanted);
}

static bool wait_until_due(struct lease *lease)
{
    (void)pthread_mutex_lock(&lease->mutex);
    while (!lease->stop && due_ms(lease) > lease->renewal.options.system->now_ms()) {
        int64_t due = due_ms(lease);
        struct timespec until = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
        (void)pthread_cond_timedwait(&lease->changed, &lease->mutex, &until);
    }
    bool go_on = !lease->stop;
    lease->begun++;
    (void)pthread_mutex_unlock(&lease->mutex);
    return go_on;
}

static void end_round(struct lease *lease, bool ended)
{
    (void)pthread_mutex_lock(&lease->mutex);
    lease->done = lease->begun;
    lease->ended = ended;
    (void)pthread_mutex_unlock(&lease->mutex);
    (void)pthread_cond_broadcast(&lease->asked);
}

static void *lease_main(void *context)
{
    struct lease *lease = context;
    while (wait_until_due(lease)) {
        struct error err = {0};
        enum status status = renew(lease, &err);
        if (status != STATUS_OK)
            renewal_on_failure(&lease->renewal, &err);
        end_round(lease, status == STATUS_LOST);
        if (status == STATUS_LOST)
            break;
    }
    return NULL;
}

void lease_confirm(struct lease *lease)
{
    (void)pthread_mutex_lock(&lease->mutex);
    int64_t round = lease->begun + 1; /* one under way may have been answered before */
    lease->wanted = round > lease->wanted ? round : lease->wanted;
    (void)pthread_cond_signal(&lease->changed);
    while (!lease->ended && lease->done < round)
        (void)pthread_cond_wait(&lease->asked, &lease->mutex);
    (void)pthread_mutex_unlock(&lease->mutex);
}

static enum status lease_init(struct lease *lease, struct error *err)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "lease");
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&lease->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_cond_init(&lease->asked, NULL);
    (void)pthread_mutex_init(&lease->mutex, NULL);
    return STATUS_OK;
}

enum status lease_start(const struct lease_options *options, struct lease **ret_lease,
                        struct error *err)
{
    CLEANUP(free_any) struct lease *lease = calloc(1, sizeof(*lease));
    if (lease == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "lease");
    renewal_init(&lease->renewal, options);
    lease->news =
        (struct lease_news){.state = options->first_state, .bytes_done = -1, .bytes_total = -1};
    if (lease_init(lease, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(lease_freep) struct lease *ready = STEAL(lease);

    if (renew(ready, err) != STATUS_OK)
        return FAIL_IN(err, "first renewal");
    int failed = pthread_create(&ready->thread, NULL, lease_main, ready);
    if (failed != 0) {
        errno = failed;
        return FAIL_ERRNO(err, "lease thread");
    }
    ready->running = true;
    *ret_lease = STEAL(ready);
    return STATUS_OK;
}

void lease_stop(struct lease *lease)
{
    if (lease == NULL || !lease->running)
        return;
    (void)pthread_mutex_lock(&lease->mutex);
    lease->stop = true;
    (void)pthread_mutex_unlock(&lease->mutex);
    (void)pthread_cond_signal(&lease->changed);
    (void)pthread_join(lease->thread, NULL);
    lease->running = false;
}

enum status lease_announce_running(struct lease *lease, struct error *err)
{
    if (lease->renewal.announced >= BACKUP_RUNNING)
        return STATUS_OK;
    return lease_announce_again(lease, err);
}

enum status lease_announce_again(struct lease *lease, struct error *err)
{
    lease->renewal.announced = BACKUP_DISCOVERING;
    lease->news.state = BACKUP_RUNNING;
    return renew(lease, err);
}

void lease_free(struct lease *lease)
{
    if (lease == NULL)
        return;
    lease_stop(lease);
    news_done(&lease->news);
    (void)pthread_cond_destroy(&lease->changed);
    (void)pthread_cond_destroy(&lease->asked);
    (void)pthread_mutex_destroy(&lease->mutex);
    free(lease);
}

const char *lease_stage(const struct lease *lease)
{
    return lease == NULL ? "" : lease->news.stage;
}

bool lease_gave_up(const struct lease *lease)
{
    return lease->renewal.gave_up;
}

int64_t lease_end_ms(const struct lease *lease)
{
    return renewal_end_ms(&lease->renewal);
}
