/*
 * One verification of an app's repository: what is stored is there, and what is read is right.
 *
 * Order     open     bucket, repository, its lock (shared), the index
 *           read     a sample of the packs, chosen at random: hash, header, every blob
 *           walk     every snapshot: each blob that its trees refer to is in the index, its pack is
 *                    there and long enough, and is none of those found damaged
 * Bytes     those of the packs that are read.
 * Errors    CORRUPT, reason "data_damaged": something is gone or damaged; the text names the first
 *           object, the details of the state the first 16 (data_damaged). All others mean that it
 *           could not be told: the bucket is away, LOCKED, canceled.
 */
#ifndef MAINTENANCE_VERIFY_H
#define MAINTENANCE_VERIFY_H

#include "access/work.h"

/* Everything is borrowed. */
struct verify_plan {
    struct work work;
    int64_t sample; /* percent of the packs that are read; at least one */
};

struct verify_verdicts {
    json_t *backups; /* owned: {"backup": id, "problem": text, "" for none} for each of ours */
    bool complete;   /* all snapshots have been looked at: a backup that is not there is gone */
};

/* Fills *result (its details) and *verdicts also on failure; both are initialised by the caller,
 * verdicts->backups as an empty array. */
enum status verify_run(const struct verify_plan *plan, struct work_result *result,
                       struct verify_verdicts *verdicts, struct error *err) MUST_CHECK;

#endif
