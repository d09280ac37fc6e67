#include "api/health.h"
#include "core/clock.h"
#include "core/log.h"
#include "daemon_serve.h"
#include "model/event.h"
#include "service/health.h"
#include "service/notify.h"

#include <stdio.h>

static enum health_redis redis_of(const struct redis_monitor *monitor)
{
    if (store_async_is_silent(monitor->store))
        return HEALTH_REDIS_SILENT;
    return monitor->unreachable ? HEALTH_REDIS_AWAY : HEALTH_REDIS_ANSWERS;
}

static void plan(struct pulse *pulse)
{
    pulse->due_ms = clock_mono_ms() + pulse->period_ms;
    (void)event_add(pulse->timer, &(struct timeval){.tv_sec = pulse->period_ms / 1000,
                                                    .tv_usec = pulse->period_ms % 1000 * 1000});
}

static void on_beat(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct pulse *pulse = context;
    const struct health health = {
        .lag_ms = clock_mono_ms() - pulse->due_ms,
        .redis = redis_of(pulse->monitor),
    };
    const char *news = health_beat(&health, &pulse->fault);
    if (news != NULL)
        log_event(LOG_LEVEL_WARNING, EVENT_SERVICE_FAULT, LOG_TEXT("fault", news));
    plan(pulse);
}

enum status pulse_init(struct pulse *pulse, struct event_base *base,
                       const struct redis_monitor *monitor, struct error *err)
{
    pulse->monitor = monitor;
    pulse->period_ms = notify_beat_ms();
    if (pulse->period_ms <= 0)
        return STATUS_OK;
    pulse->timer = evtimer_new(base, on_beat, pulse);
    if (pulse->timer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "timer");
    plan(pulse);
    return STATUS_OK;
}

void pulse_done(struct pulse *pulse)
{
    if (pulse->timer != NULL)
        event_free(pulse->timer);
    pulse->timer = NULL;
}

static void describe(const struct redis_monitor *monitor, char *text, size_t size)
{
    const struct store_health *health = &monitor->health;
    const struct load load = {.running = health->running,
                              .queued = health->queued,
                              .oldest_ms = health->oldest_ms,
                              .quarantined = health->quarantined,
                              .redis_us = monitor->answer_us};
    load_describe(&load, text, size);
}

static void tell_load(const struct redis_monitor *monitor)
{
    char load[NOTIFY_STATUS_MAX];
    char text[2 * NOTIFY_STATUS_MAX];
    enum reason faults[API_REDIS_FAULTS_MAX];
    describe(monitor, load, sizeof(load));
    size_t count = api_redis_faults(&monitor->health, faults);
    if (count == 0 && monitor->health.workers == 0)
        faults[count++] = REASON_WORKER_ABSENT;
    (void)snprintf(text, sizeof(text), "%s%s%s", load, count > 0 ? "; not ready: " : "",
                   count > 0 ? api_fault_text(faults[0]) : "");
    notify_status(text);
}

void pulse_tell(const struct pulse *pulse)
{
    const struct redis_monitor *monitor = pulse->monitor;
    if (pulse->stopping || !notify_is_on())
        return;
    if (monitor->answer_us >= 0)
        tell_load(monitor);
    else if (store_async_is_silent(monitor->store))
        notify_status("not ready: redis takes connections and does not answer");
    else
        notify_status("not ready: redis is away");
}

void pulse_stop(struct pulse *pulse, int64_t patience_ms)
{
    pulse->stopping = true;
    notify_stopping(patience_ms);
    notify_status("stopping: answers what it has accepted");
}
