/*
 * Pulse: how the front end is, for the service manager: a status worth reading, and signs of life
 * only while the loop turns in time and a connected Redis answers (service/health.h).
 *
 * Threads   the loop's
 */
#ifndef MAIN_DAEMON_PULSE_H
#define MAIN_DAEMON_PULSE_H

#include "core/error.h"
#include "daemon_redis_monitor.h"

#include <event2/event.h>

struct pulse {
    const struct redis_monitor *monitor; /* borrowed */
    struct event *timer;                 /* NULL: nobody waits for signs of life */
    int64_t period_ms;
    int64_t due_ms;    /* monotonic: of the next one */
    const char *fault; /* of the last one that was left out; NULL: none is */
    bool stopping;
};

enum status pulse_init(struct pulse *pulse, struct event_base *base,
                       const struct redis_monitor *monitor, struct error *err) MUST_CHECK;
void pulse_done(struct pulse *pulse); /* zeros are fine */

/* Tells the service manager the state of Redis, which has just been asked. */
void pulse_tell(const struct pulse *pulse);

/* The service stops: from now on, the status says so. */
void pulse_stop(struct pulse *pulse, int64_t patience_ms);

#endif
