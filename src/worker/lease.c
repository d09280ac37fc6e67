#include "lease.h"

#include "core/clock.h"
#include "core/log.h"
#include "model/event.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the stages said last, kept by value: the report's pointers live only during the callback. */
struct news {
    enum backup_state state;
    char stage[LEASE_STAGE_SIZE];
    int64_t bytes_done;
    int64_t bytes_total;
    int64_t taken_ms;
    enum hook_state hook_state;
    json_t *hook_state_details; /* owned; NULL: none so far */
    json_t *state_details;
};

struct lease {
    struct lease_options options;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_cond_t asked; /* a round has ended */
    /* Under the mutex. */
    struct news news;
    bool fresh;  /* news that have not been sent */
    bool urgent; /* among them a change of state */
    bool stop;
    bool ended;                  /* the thread asks no more */
    int64_t begun, done, wanted; /* rounds of asking; one is due until wanted are done */
    /* The thread's own. */
    enum backup_state announced; /* the state that Redis knows */
    int64_t sent_ms;
    int64_t renewed_ms; /* start of the last renewal that succeeded: the lease counts from there */
    int64_t late_kill_ms; /* 0: not late */
    bool away;
    bool gave_up;
};

/* Stop with so much of the lease left that the work has ended when it is handed out again. */
static int64_t give_up_ms(const struct lease *lease)
{
    return lease->renewed_ms + lease->options.lease_ms * 2 / 3;
}

static void news_done(struct news *news)
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

void lease_report(struct lease *lease, const struct stage_report *report)
{
    (void)pthread_mutex_lock(&lease->mutex);
    struct news *news = &lease->news;
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

/* The thread's private copy, so that the mutex is not held while Redis answers. */
static struct news take_news(struct lease *lease)
{
    (void)pthread_mutex_lock(&lease->mutex);
    struct news news = lease->news;
    news.hook_state_details = json_deep_copy(news.hook_state_details);
    news.state_details = json_deep_copy(news.state_details);
    lease->fresh = false;
    lease->urgent = false;
    (void)pthread_mutex_unlock(&lease->mutex);
    return news;
}

static enum status send(struct lease *lease, const struct news *news, enum store_lease *ret_answer,
                        struct error *err)
{
    const struct lease_options *options = &lease->options;
    struct store_progress progress = STORE_PROGRESS_NONE;
    progress.stage = news->stage[0] == '\0' ? NULL : news->stage;
    progress.bytes_done = news->bytes_done;
    progress.bytes_total = news->bytes_total;
    progress.taken_ms = news->taken_ms > 0 ? news->taken_ms : -1;
    progress.hook_state = news->hook_state;
    progress.hook_state_details = news->hook_state_details;
    progress.state_details = news->state_details;

    if (news->state <= lease->announced)
        return store_job_renew(options->store, options->job, options->lease_ms, &progress,
                               ret_answer, err);
    if (store_job_advance(options->store, options->job, news->state, options->lease_ms, &progress,
                          ret_answer, err) != STATUS_OK)
        return err->status;
    lease->announced = news->state;
    return STATUS_OK;
}

static void on_failure(struct lease *lease, const struct error *err)
{
    if (err->status == STATUS_LOST) {
        cancel_request(lease->options.cancel, STATUS_LOST);
        return;
    }
    if (!lease->away)
        log_event(LOG_LEVEL_WARNING, EVENT_LEASE_LATE, LOG_TEXT("code", err->reason),
                  LOG_TEXT("reason", err->text));
    lease->away = true;
    if (clock_left_ms(give_up_ms(lease)) > 0)
        return;
    lease->gave_up = true;
    cancel_request(lease->options.cancel, STATUS_UNAVAILABLE);
}

/* What is still at work a while later hangs: nothing in this process can end it, and renewing for
 * ever would keep its app and a slot. The supervisor unwinds what is left. */
static void on_late(struct lease *lease)
{
    cancel_request(lease->options.cancel, STATUS_TIMEOUT);
    if (lease->late_kill_ms == 0)
        lease->late_kill_ms = clock_mono_ms() + lease->options.grace_ms;
    if (clock_left_ms(lease->late_kill_ms) > 0)
        return;
    log_event(LOG_LEVEL_ERROR, EVENT_JOB_HANGS, LOG_TEXT("code", reason_code(REASON_JOB_TIMEOUT)));
    (void)kill(getpid(), SIGKILL);
}

static enum status renew(struct lease *lease, struct error *err)
{
    struct news news = take_news(lease);
    int64_t started_ms = clock_mono_ms();
    enum store_lease answer = STORE_LEASE_OK;
    enum status status = send(lease, &news, &answer, err);
    news_done(&news);
    lease->sent_ms = clock_mono_ms();
    if (status != STATUS_OK)
        return status;
    if (lease->away)
        log_event(LOG_LEVEL_NOTICE, EVENT_LEASE_RENEWED,
                  LOG_NUMBER("after_ms", started_ms - lease->renewed_ms));
    lease->away = false;
    lease->renewed_ms = started_ms;
    if (answer == STORE_LEASE_CANCEL)
        cancel_request(lease->options.cancel, STATUS_CANCELED);
    if (answer == STORE_LEASE_LATE)
        on_late(lease);
    return STATUS_OK;
}

/* With the mutex held: when the next message is due. */
static int64_t due_ms(const struct lease *lease)
{
    if ((lease->urgent || lease->begun < lease->wanted) && !lease->away)
        return 0;
    return lease->sent_ms + (lease->fresh || lease->away ? LEASE_NEWS_MS : LEASE_RENEW_MS);
}

static bool wait_until_due(struct lease *lease)
{
    (void)pthread_mutex_lock(&lease->mutex);
    while (!lease->stop && due_ms(lease) > clock_mono_ms()) {
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
            on_failure(lease, &err);
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
    lease->options = *options;
    lease->news = (struct news){.bytes_done = -1, .bytes_total = -1};
    if (options->job->kind == JOB_BACKUP)
        lease->news.state = BACKUP_DISCOVERING;
    if (job_is_task(options->job->kind))
        lease->news.state = BACKUP_RUNNING;
    lease->renewed_ms = clock_mono_ms();
    if (lease_init(lease, err) != STATUS_OK)
        return err->status;
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
    if (lease->announced >= BACKUP_RUNNING)
        return STATUS_OK;
    return lease_announce_again(lease, err);
}

enum status lease_announce_again(struct lease *lease, struct error *err)
{
    lease->announced = BACKUP_DISCOVERING;
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
    return lease->gave_up;
}

int64_t lease_end_ms(const struct lease *lease)
{
    return lease->renewed_ms + lease->options.lease_ms;
}
