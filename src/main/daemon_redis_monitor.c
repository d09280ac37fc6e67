#include "daemon_redis_monitor.h"

#include "api/health.h"
#include "core/clock.h"
#include "core/log.h"
#include "model/event.h"
#include "store/calls.h"
#include "store/replies.h"

enum { FIRST_MS = 1000, PERIOD_S = 2 };

static void note_reachable(struct redis_monitor *monitor, bool reachable, const char *reason)
{
    if (monitor->unreachable == !reachable)
        return;
    monitor->unreachable = !reachable;
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

static void note_faults(struct redis_monitor *monitor, const struct store_health *health)
{
    enum reason faults[API_REDIS_FAULTS_MAX];
    size_t count = api_redis_faults(health, faults);
    unsigned now = 0;
    for (size_t i = 0; i < count; i++) {
        now |= fault_bit(faults[i]);
        if ((monitor->faults & fault_bit(faults[i])) != 0)
            continue;
        log_event(LOG_LEVEL_WARNING, EVENT_REDIS_UNSAFE, LOG_TEXT("code", reason_code(faults[i])),
                  LOG_TEXT("fault", api_fault_text(faults[i])));
    }
    if (now == 0 && monitor->faults != 0)
        log_event(LOG_LEVEL_NOTICE, EVENT_REDIS_SAFE, LOG_TEXT("version", health->version));
    monitor->faults = now;
}

static void on_health(void *context, const redisReply *reply, const struct error *err)
{
    struct redis_monitor *monitor = context;
    struct error failure = {.status = STATUS_OK};
    struct store_health health;
    monitor->asked = false;
    monitor->answer_us = -1;
    if (err != NULL) {
        note_reachable(monitor, false, err->text);
    } else if (store_reply_health(reply, &health, &failure) != STATUS_OK) {
        note_reachable(monitor, false, failure.text);
    } else {
        monitor->health = health;
        monitor->answer_us = clock_mono_us() - monitor->asked_us;
        note_reachable(monitor, true, health.version);
        note_faults(monitor, &health);
    }
    monitor->listener.on_news(monitor->listener.context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct redis_monitor *monitor = context;
    (void)event_add(monitor->timer, &(struct timeval){.tv_sec = PERIOD_S});
    if (monitor->asked)
        return;
    monitor->asked = true;
    monitor->asked_us = clock_mono_us();
    struct store_call call = {.argc = 0};
    store_call_health(&call, NULL);
    store_async_send(monitor->store, &call, on_health, monitor);
    store_call_done(&call);
}

enum status redis_monitor_init(struct redis_monitor *monitor, struct event_base *base,
                               struct store_async *store,
                               const struct redis_monitor_listener *listener, struct error *err)
{
    monitor->store = store;
    monitor->listener = *listener;
    monitor->answer_us = -1;
    monitor->timer = evtimer_new(base, on_timer, monitor);
    if (monitor->timer == NULL ||
        event_add(monitor->timer, &(struct timeval){.tv_sec = FIRST_MS / 1000}) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "timer");
    return STATUS_OK;
}

void redis_monitor_done(struct redis_monitor *monitor)
{
    if (monitor->timer != NULL)
        event_free(monitor->timer);
    monitor->timer = NULL;
}
