/*
 * Maintenance: what jobs do with a repository beside backups and restores. Plans borrow everything;
 * a result, and what comes with it, is initialised by the caller.
 *
 *   forget.c   removes what a backup has in its repository
 *   prune.c    gives back the room of what no snapshot needs any more
 *   verify.c   sees whether what is stored is there and right
 *   catalog.c  lists the backups that a repository holds
 */
#ifndef MAINTENANCE_MAINTENANCE_H
#define MAINTENANCE_MAINTENANCE_H

#include "access/work.h"

/*
 * Forget: removes what a backup has in its repository. Its data goes with the next prune.
 *
 * Removed   the snapshot that the plan names, readable or not, and every one with the tag
 *           "backup=<id>". Others that cannot be read stay.
 * Lock      exclusive, and only where there is something to remove (LOCKED is transient). No
 *           repository and no snapshot is fine.
 * Reports   none.
 */
struct forget_plan {
    struct work work;
    const char *backup;   /* id */
    const char *snapshot; /* the repository's id of it, 64 digits; "" or NULL: none is known */
};

enum status forget_run(const struct forget_plan *plan, struct error *err) MUST_CHECK;

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
struct prune_plan {
    struct work work;
    int64_t timeout_ms; /* for all that restic does */
};

/* No repository: nothing to do. */
enum status prune_run(const struct prune_plan *plan, struct work_result *result, struct error *err)
    MUST_CHECK;

/*
 * One verification of an app's repository: what is stored is there, and what is read is right.
 *
 * Order     open     bucket, repository, its lock (shared), the index
 *           read     a sample of the packs, chosen at random: hash, header, every blob
 *           walk     every snapshot: each blob that its trees refer to is in the index, its pack is
 *                    there and long enough, and is none of those found damaged
 * Damage    is believed once all of it has been looked at a second time, after a moment: the lists
 *           and the index from their beginning, of the packs those that were damaged.
 * Bytes     those of the packs that are read.
 * Errors    CORRUPT, reason "data_damaged": something is gone or damaged; the text names the first
 *           object, the details of the state the first 16 (data_damaged). All others mean that it
 *           could not be told: the bucket is away, LOCKED, canceled.
 */
struct verify_plan {
    struct work work;
    int64_t sample; /* percent of the packs that are read; at least one */
};

struct verify_verdicts {
    json_t *backups; /* owned: {"backup": id, "problem": text, "" for none} for each of ours */
    bool complete;   /* all snapshots have been looked at: a backup that is not there may be gone */
};

/* Fills *result (its details) and *verdicts also on failure; verdicts->backups begins as an empty
 * array. */
enum status verify_run(const struct verify_plan *plan, struct work_result *result,
                       struct verify_verdicts *verdicts, struct error *err) MUST_CHECK;

/* Are all of these snapshots gone or unreadable? They are ids of backups that a complete
 * verification did not come across. UNAVAILABLE, reason "bucket_unreachable": one is there, so what
 * the bucket listed is not to be believed. snapshots: an array of texts. */
enum status verify_check_absent(const struct work *work, const json_t *snapshots, struct error *err)
    MUST_CHECK;

/*
 * Catalogue: which backups an app's repository holds, read from its snapshots, for whoever has lost
 * the records of them. Each is added to entries, an array.
 *
 * Entries   {"backup": id, "name": text, "taken_ms": number, "bytes": number, -1 where it is not
 *           known, "snapshot": 64 hex digits}, and where the snapshot tells of them "created_by": id,
 *           "version": text, "labels": [{"name", "value"}], "other_app": id, which is the app that it
 *           names where that is not this one. One for each backup that a snapshot has in its tags;
 *           of several snapshots of one the latest. Those of others are left out.
 * Warnings  snapshot_unreadable, the first 16 by name: a snapshot that cannot be read, or not be
 *           taken for a backup, or of which a record cannot tell all. None hides another.
 * Errors    those of a bucket; no repository is no error: there is no entry. What was found before
 *           is among the entries, too.
 */
enum status catalog_run(const struct work *work, struct work_result *result, json_t *entries,
                        struct error *err) MUST_CHECK;

/* Is there a repository of this app at all? Cheap: opens nothing. */
enum status catalog_exists(const struct bucket_definition *bucket, const char *app_id,
                           bool *ret_exists, struct error *err) MUST_CHECK;

#endif
