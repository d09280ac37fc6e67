/*
 * Cancel: a flag that long work looks at, and a descriptor that waiting work can poll. Set once by
 * the lease (or a signal); everything that takes longer than a second takes one of these.
 *
 * Threads   any thread and a signal handler may request; any may look.
 */
#ifndef CORE_CANCEL_H
#define CORE_CANCEL_H

#include "core/error.h"

#include <stdatomic.h>

struct cancel {
    atomic_int status; /* enum status; STATUS_OK until requested */
    int fd;            /* eventfd(2): readable once requested, and it stays so */
};

enum status cancel_init(struct cancel *cancel, struct error *err) MUST_CHECK;
void cancel_done(struct cancel *cancel);

/* why: STATUS_CANCELED (asked for), STATUS_LOST (fence), STATUS_UNAVAILABLE (shutting down:
 * somebody else may go on), STATUS_TIMEOUT (it takes longer than it may). The first request counts.
 * Async-signal-safe. */
void cancel_request(struct cancel *cancel, enum status why);

/* STATUS_OK, or the reason as a failure, to be passed on with error_status(). NULL is never
 * cancelled. */
enum status cancel_check(const struct cancel *cancel, struct error *err) MUST_CHECK;

#endif
