/*
 * Lease: keeps a claim alive from a thread of its own while the stages work, and carries what they
 * report. It is the only writer of the claim from lease_start() to lease_stop(), over one
 * connection, so that nothing can overtake anything.
 *
 * Pace      A change of state goes out at once, other news at most every LEASE_NEWS_MS, and
 *           something at least every LEASE_RENEW_MS, which is the renewal.
 * Ends      Cancel asked for in Redis: requests CANCELED and goes on, since unwinding takes a
 *           while. The claim is another's: requests LOST and writes no more. Redis away until the
 *           lease is about to end: requests UNAVAILABLE, since somebody else may go on. The job is
 *           late: requests TIMEOUT, and kills the process if it is still there after grace_ms.
 * Threads   One thread calls lease_report() and lease_confirm().
 * Units     *_ms are milliseconds, monotonic.
 */
#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include "access/work.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "renewal.h"

#include <stdbool.h>
#include <stdint.h>

struct lease;

/* Renews once before it returns, and with that the subject enters its first state. Errors: LOST,
 * it is not our claim; those of the store. Caller owns *ret_lease. */
enum status lease_start(const struct lease_options *options, struct lease **ret_lease,
                        struct error *err) MUST_CHECK;

/* Copies the report. It costs little: call it as often as there is news. */
void lease_report(struct lease *lease, const struct work_report *report);

/* Waits until Redis has been asked for the claim anew. If it is lost, the job has been cancelled;
 * if Redis was not there, the lease decides, as ever. */
void lease_confirm(struct lease *lease);

/* Ends the thread; what was reported and not sent yet is left to the caller, who finishes the
 * claim. NULL, and a second call, are no-ops. */
void lease_stop(struct lease *lease);
void lease_free(struct lease *lease); /* stops it; NULL is a no-op */
DEFINE_CLEANUP(struct lease *, lease_free)

/* After lease_stop(): sees to it that Redis knows the backup to be running. A short upload may have
 * ended before that was sent, and a backup that is completed must have been running. */
enum status lease_announce_running(struct lease *lease, struct error *err) MUST_CHECK;

/* After lease_stop(): tells Redis again that the backup is running, when Redis has shown that it
 * does not know that, or no longer does. */
enum status lease_announce_again(struct lease *lease, struct error *err) MUST_CHECK;

/* These three are asked after lease_stop(). */
const char *lease_stage(const struct lease *lease); /* the last one reported; "" before */
bool lease_gave_up(const struct lease *lease);      /* Redis was away for too long */
int64_t lease_end_ms(const struct lease *lease); /* monotonic: when the claim ends at the latest */

#endif
