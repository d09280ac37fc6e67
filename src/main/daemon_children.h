/*
 * Children: the Redis and the worker of a standalone service. The worker starts once Redis accepts
 * connections, and ends before it. When it has ended for good, whatever it left of applications
 * that are held still is let go (appbackup-worker --recover), as ExecStopPost= does under systemd.
 *
 * Threads   the loop's
 */
#ifndef MAIN_DAEMON_CHILDREN_H
#define MAIN_DAEMON_CHILDREN_H

#include "core/cleanup.h"
#include "core/error.h"
#include "daemon_standalone.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdint.h>

struct children;

struct children_events {
    void (*on_worker_stopped)(void *context); /* and recovery is over */
    void (*on_redis_stopped)(void *context);
    /* Redis has ended again and again: the service cannot go on. */
    void (*on_redis_hopeless)(void *context);
    void *context;
};

/* Starts them. standalone is borrowed. drain_ms: how long the worker's jobs may take to hand back
 * their claims. Caller owns *ret_children. */
enum status children_new(struct event_base *base, const struct standalone *standalone,
                         int64_t drain_ms, const struct children_events *events,
                         struct children **ret_children, struct error *err) MUST_CHECK;
void children_free(struct children *children); /* kills what still runs */
DEFINE_CLEANUP(struct children *, children_free)

/* The worker reads its configuration again. */
void children_reload(const struct children *children);

/* False: it does not run, and nothing more will come. */
bool children_stop_worker(struct children *children);
bool children_stop_redis(struct children *children);

/* How long stopping both may take, at the worst: hooks of applications have deadlines of their own.
 */
int64_t children_patience_ms(const struct children *children);

#endif
