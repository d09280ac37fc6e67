/*
 * Redis monitor: asks Redis every so often whether it would keep what it is told, and logs each
 * change of the answer once. Whoever else wants to know how Redis is finds it here.
 *
 * Threads   the loop's
 */
#ifndef MAIN_DAEMON_REDIS_MONITOR_H
#define MAIN_DAEMON_REDIS_MONITOR_H

#include "core/error.h"
#include "store/async.h"
#include "store/replies.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>

/* Borrowed. Called after each answer, and after each question that had none. */
struct redis_monitor_listener {
    void (*on_news)(void *context);
    void *context;
};

struct redis_monitor {
    struct store_async *store; /* borrowed */
    struct redis_monitor_listener listener;
    struct event *timer;
    bool asked;                 /* a question is under way */
    bool unreachable;           /* as logged last */
    unsigned faults;            /* as logged last: one bit per fault */
    struct store_health health; /* the last answer */
    int64_t asked_us;           /* monotonic: the last question */
    int64_t answer_us;          /* how long its answer took; -1: there was none */
};

enum status redis_monitor_init(struct redis_monitor *monitor, struct event_base *base,
                               struct store_async *store,
                               const struct redis_monitor_listener *listener, struct error *err)
    MUST_CHECK;
void redis_monitor_done(
    struct redis_monitor *monitor); /* after the store is closed; zeros are fine */

#endif
