/*
 * The service manager hears of the worker: a status worth reading, signs of life only while its
 * work moves (service/health.h), and, while it stops, that it needs more time.
 */
#include "core/clock.h"
#include "core/log.h"
#include "kinds.h"
#include "model/event.h"
#include "service/health.h"
#include "service/notify.h"
#include "supervisor.h"

#include <stdio.h>

enum {
    LOOK_MS = 2000,
    PATIENCE_MS = 15000, /* asked for again long before it is over */
    PATIENCE_PERIOD_MS = 2000
};

static enum status look_at_job(const struct supervisor *supervisor, struct slot *slot,
                               struct error *err)
{
    struct job job = {0};
    int64_t bytes = slot->watch.bytes;
    if (supervisor->system->job_get(supervisor->store, slot->job.id, &job, err) != STATUS_OK)
        return error_status(err);
    const struct kind *kind = kind_of(slot->job.kind);
    if (kind != NULL && stall_watch_expects_bytes(job.stage) &&
        kind->subject->read_bytes(supervisor->store, slot->job.subject, &bytes, err) != STATUS_OK)
        return error_status(err);
    stall_watch_note(&slot->watch, job.stage, bytes, supervisor->system->now_ms());
    return STATUS_OK;
}

/* A job that is gone, or another's by now, is passed over. */
static enum status look_at_jobs(struct supervisor *supervisor, struct error *err)
{
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        struct slot *slot = &supervisor->slots.items[i];
        if (slot->phase != SLOT_RUNNING)
            continue;
        enum status status = look_at_job(supervisor, slot, err);
        if (status_is_transient(status))
            return status;
    }
    return STATUS_OK;
}

static void tell_load(const struct supervisor *supervisor, const struct store_health *health,
                      int64_t redis_us)
{
    const struct load load = {.running = (int64_t)slots_used(&supervisor->slots),
                              .slots = supervisor->node.config->worker.slots,
                              .queued = health->queued,
                              .oldest_ms = health->oldest_ms,
                              .redis_us = redis_us};
    char text[NOTIFY_STATUS_MAX];
    load_describe(&load, text, sizeof(text));
    notify_status(text);
}

enum status supervisor_sample_jobs(struct supervisor *supervisor, struct error *err)
{
    if (!notify_is_on() || supervisor->stopping ||
        !supervisor_is_due(supervisor, &supervisor->pulse.look_ms, LOOK_MS))
        return STATUS_OK;
    struct store_health health = {0};
    int64_t asked_us = clock_mono_us();
    if (store_health(supervisor->store, supervisor->node.config->node, &health, err) != STATUS_OK)
        return error_status(err);
    tell_load(supervisor, &health, clock_mono_us() - asked_us);
    return look_at_jobs(supervisor, err);
}

static enum health_redis redis_of(const struct supervisor *supervisor)
{
    if (!supervisor->away)
        return HEALTH_REDIS_ANSWERS;
    return supervisor->pulse.silent ? HEALTH_REDIS_SILENT : HEALTH_REDIS_AWAY;
}

static void count_stalled(const struct supervisor *supervisor, struct health *health)
{
    int64_t now_ms = supervisor->system->now_ms();
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        const struct slot *slot = &supervisor->slots.items[i];
        if (slot->phase != SLOT_RUNNING)
            continue;
        if (stall_watch_has_stalled(&slot->watch, now_ms))
            health->stalled++;
        else
            health->moving++;
    }
}

static void beat(struct supervisor *supervisor)
{
    struct supervisor_pulse *pulse = &supervisor->pulse;
    struct health health = {.lag_ms = pulse->lag_ms, .redis = redis_of(supervisor)};
    if (!supervisor->stopping)
        health.unclaimed_ms = supervisor->system->now_ms() - pulse->claimed_ms;
    count_stalled(supervisor, &health);
    const char *news = health_beat(&health, &pulse->fault);
    if (news != NULL)
        log_event(LOG_LEVEL_WARNING, EVENT_SERVICE_FAULT, LOG_TEXT("fault", news));
    pulse->lag_ms = 0;
}

void supervisor_pulse_start(struct supervisor *supervisor)
{
    supervisor->pulse.claimed_ms = supervisor->system->now_ms();
    notify_ready();
}

void supervisor_pulse_turn(struct supervisor *supervisor, int64_t began_ms)
{
    struct supervisor_pulse *pulse = &supervisor->pulse;
    int64_t took_ms = supervisor->system->now_ms() - began_ms;
    if (took_ms > pulse->lag_ms)
        pulse->lag_ms = took_ms;
    if (supervisor->stopping &&
        supervisor_is_due(supervisor, &pulse->patience_ms, PATIENCE_PERIOD_MS))
        notify_patience(PATIENCE_MS);
    int64_t period_ms = notify_beat_ms();
    if (period_ms > 0 && supervisor_is_due(supervisor, &pulse->beat_ms, period_ms))
        beat(supervisor);
}

void supervisor_pulse_store(struct supervisor *supervisor, const struct error *failure)
{
    supervisor->pulse.silent = failure->status == STATUS_TIMEOUT;
    notify_status(supervisor->pulse.silent ? "redis takes connections and does not answer"
                                           : "redis is away");
}

void supervisor_pulse_stop(const struct supervisor *supervisor)
{
    char text[NOTIFY_STATUS_MAX];
    (void)snprintf(text, sizeof(text), "stopping: %zu jobs hand back their claims",
                   slots_used(&supervisor->slots));
    notify_stopping(PATIENCE_MS);
    notify_status(text);
}
