/*
 * One prune: what no snapshot needs any more leaves the repository. The work is that of the stock
 * restic, as a child: its own exclusive lock, its rules of what is worth repacking (at most 5 %
 * may stay unused).
 *
 * Full      a bucket without room for what is to be repacked first gives back what is wholly
 *           unused; then the rest is tried once more.
 * Secrets   the passphrase, and the keys of an S3 bucket, come to it through descriptors of ours
 *           that have no name in any file system; nothing of them is in its arguments or its
 *           environment.
 * Ends      at the deadline or on cancel, with its whole process group. A prune that was cut off
 *           has lost nothing, but leaves its lock: that of a dead process is removed, before and
 *           after.
 * Errors    NOT_FOUND, "restic_missing"; LOCKED, and NO_SPACE, "bucket_full" (transient); TIMEOUT,
 *           "prune_timeout" and INTERNAL, "prune_failed": with the last it said;
 *           bucket_unreachable, canceled.
 * Details   pruned: what restic said of it
 */
#ifndef MAINTENANCE_PRUNE_H
#define MAINTENANCE_PRUNE_H

#include "access/work.h"

/* Everything is borrowed. */
struct prune_plan {
    struct work work;
    int64_t timeout_ms; /* for all that restic does */
};

/* No repository: nothing to do. */
enum status prune_run(const struct prune_plan *plan, struct work_result *result, struct error *err)
    MUST_CHECK;

#endif
