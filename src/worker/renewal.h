/*
 * Renewal: what the messages of a lease say to Redis, when each is due, and what follows from the
 * answer. It has no thread: lease.h waits until one is due, and calls it.
 *
 * Pace      A change of state goes out at once, other news at most every LEASE_NEWS_MS, and
 *           something at least every LEASE_RENEW_MS. While Redis is away nothing is urgent: it is
 *           asked every LEASE_NEWS_MS.
 * Answers   Cancel asked for: requests CANCELED. The claim is another's: requests LOST. Redis away
 *           for two thirds of the lease: requests UNAVAILABLE. The job is late: requests TIMEOUT,
 *           and kills this process if it is still there after grace_ms.
 * Units     *_ms are milliseconds, monotonic.
 */
#ifndef WORKER_RENEWAL_H
#define WORKER_RENEWAL_H

#include "core/cancel.h"
#include "core/error.h"
#include "store/blocking.h"
#include "system.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>

enum { LEASE_NEWS_MS = 250, LEASE_RENEW_MS = 500, LEASE_STAGE_SIZE = 32 };

/* Borrowed until lease_free(). The store belongs to the lease until lease_stop(). */
struct lease_options {
    const struct worker_system *system;
    struct store *store;
    const struct job *job;
    int64_t lease_ms;
    int64_t grace_ms; /* to unwind a job that is late */
    struct cancel *cancel;
    enum backup_state first_state; /* of the subject once the job has begun; UNSET: as it was */
};

/* What the stages said last, by value: the pointers of a report live only during its callback. */
struct lease_news {
    enum backup_state state;
    char stage[LEASE_STAGE_SIZE];
    int64_t bytes_done;
    int64_t bytes_total;
    int64_t taken_ms;
    enum hook_state hook_state;
    json_t *hook_state_details; /* owned; NULL: none so far */
    json_t *state_details;      /* owned */
};

struct renewal {
    struct lease_options options;
    enum backup_state announced; /* the state that Redis knows */
    int64_t sent_ms;
    int64_t renewed_ms; /* start of the last renewal that succeeded: the lease counts from there */
    int64_t late_kill_ms; /* 0: not late */
    bool away;
    bool gave_up;
};

/* The lease counts from now on. */
void renewal_init(struct renewal *renewal, const struct lease_options *options);

/* When the next message is due. fresh: there are news; urgent: among them a change of state, or
 * somebody waits for an answer. */
int64_t renewal_due_ms(const struct renewal *renewal, bool fresh, bool urgent);

/* Sends one message and does what the answer asks for. Errors: those of the store. */
enum status renewal_send(struct renewal *renewal, const struct lease_news *news, struct error *err)
    MUST_CHECK;

/* Does what the failure of a message asks for. */
void renewal_on_failure(struct renewal *renewal, const struct error *err);

int64_t renewal_end_ms(const struct renewal *renewal);

#endif
