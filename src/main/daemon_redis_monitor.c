#include "daemon_safety.h"

#include "api/api.h"
#include "core/clock.h"
#include "core/log.h"
#include "model/event.h"
#include "store/calls.h"
#include "store/replies.h"

enum { FIRST_MS = 1000, PERIOD_S = 2 };

static void note_reachable(struct safety *safety, bool reachable, const char *reason)
{
    if (safety->unreachable == !reachable)
        return;
    safety->unreachable = !reachable;
    if (reachable) {
        log_event(LOG_LEVEL_NOTICE, EVENT_REDIS_BACK, LOG_TEXT("version", reason));
        return;
    }
    log_event(LOG_LEVEL_WARNING, EVENT_REDIS_LOST, LOG_TEXT("meanwhile", "requests get 503"),
              LOG_TEXT("code", reason_code(REASON_REDIS_UNAVAILABLE)), LOG_TEXT("reason", reason));
}

static unsigned fault_bit(enum reason fault)
{
    /* An unhealthy answer in which everything is wrong has them all. */
    static const struct store_health worst = {.version = "0"};
    enum reason all[API_REDIS_FAULTS_MAX];
    size_t count = api_redis_faults(&worst, all);
    for (size_t i = 0; i < count; i++)
        if (all[i] == fault)
            return 1U << i;
    return 0;
}

static void note_faults(struct safety *safety, const struct store_health *health)
{
    enum reason faults[API_REDIS_FAULTS_MAX];
    size_t count = api_redis_faults(health, faults);
    unsigned now = 0;
    for (size_t i = 0; i < count; i++) {
        now |= fault_bit(faults[i]);
        if ((safety->faults & fault_bit(faults[i])) != 0)
            continue;
        log_event(LOG_LEVEL_WARNING, EVENT_REDIS_UNSAFE, LOG_TEXT("code", reason_code(faults[i])),
                  LOG_TEXT("fault", api_fault_text(faults[i])));
    }
    if (now == 0 && safety->faults != 0)
        log_event(LOG_LEVEL_NOTICE, EVENT_REDIS_SAFE, LOG_TEXT("version", health->version));
    safety->faults = now;
}

static void on_health(void *context, const redisReply *reply, const struct error *err)
{
    struct safety *safety = context;
    struct error failure = {.status = STATUS_OK};
    struct store_health health;
    safety->asked = false;
    safety->answer_us = -1;
    if (err != NULL) {
        note_reachable(safety, false, err->text);
    } else if (store_reply_health(reply, &health, &failure) != STATUS_OK) {
        note_reachable(safety, false, failure.text);
    } else {
        safety->health = health;
        safety->answer_us = clock_mono_us() - safety->asked_us;
        note_reachable(safety, true, health.version);
        note_faults(safety, &health);
    }
    safety->listener.on_news(safety->listener.context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct safety *safety = context;
    (void)event_add(safety->timer, &(struct timeval){.tv_sec = PERIOD_S});
    if (safety->asked)
        return;
    safety->asked = true;
    safety->asked_us = clock_mono_us();
    struct store_call call = {.argc = 0};
    store_call_health(&call, NULL);
    store_async_send(safety->store, &call, on_health, safety);
    store_call_done(&call);
}

enum status safety_init(struct safety *safety, struct event_base *base, struct store_async *store,
                        const struct safety_listener *listener, struct error *err)
{
    safety->store = store;
    safety->listener = *listener;
    safety->answer_us = -1;
    safety->timer = evtimer_new(base, on_timer, safety);
    if (safety->timer == NULL ||
        event_add(safety->timer, &(struct timeval){.tv_sec = FIRST_MS / 1000}) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "timer");
    return STATUS_OK;
}

void safety_done(struct safety *safety)
{
    if (safety->timer != NULL)
        event_free(safety->timer);
    safety->timer = NULL;
}
