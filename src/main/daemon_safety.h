/*
 * Safety: asks Redis every so often whether it would keep what it is told, and logs each change of
 * the answer once.
 * Threads   the loop's
 */
#ifndef MAIN_DAEMON_SAFETY_H
#define MAIN_DAEMON_SAFETY_H

#include "core/error.h"
#include "store/async.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>

struct safety {
    struct store_async *store; /* borrowed */
    struct event *timer;
    bool asked;       /* a question is under way */
    bool unreachable; /* as logged last */
    unsigned faults;  /* as logged last: one bit per fault */
};

enum status safety_init(struct safety *safety, struct event_base *base, struct store_async *store,
                        struct error *err) MUST_CHECK;
void safety_done(struct safety *safety); /* after the store is closed; zeros are fine */

#endif
