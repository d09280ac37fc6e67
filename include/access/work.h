/*
 * Work: what every job on an app's repository is given, whatever it does there, and what it gives
 * back.
 *
 * Reports   go through one callback, from the thread that runs the job. A failure of the callback
 *           ends the job (LOST: the fence is lost; UNAVAILABLE: the store has been away too long),
 *           unless what it does is committed. The callback may cancel the job, too.
 * Bytes     -1 as long as they are not known.
 * Ownership a plan borrows everything; a result owns its two arrays: work_result_done().
 */
#ifndef ACCESS_WORK_H
#define ACCESS_WORK_H

#include "bucket/object_store.h"
#include "core/bandwidth.h"
#include "core/cancel.h"
#include "core/error.h"
#include "model/backup.h"
#include "model/bucket.h"
#include "repository/repository.h"
#include "snapshot/snapshot.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a job stands. Pointers are borrowed during the callback. */
struct work_report {
    enum backup_state state; /* a backup is DISCOVERING, then RUNNING from the upload on */
    const char *stage;       /* as the header of the job's kind names them under Order */
    int64_t bytes_done;      /* -1 before totals are known */
    int64_t bytes_total;
    int64_t taken_ms; /* when the snapshot was taken; 0 before */
    enum hook_state hook_state;
    const json_t *hook_state_details;
    const json_t *state_details;
    const struct snapshot_plan *volumes; /* with the driver of each */
    size_t volume_count;                 /* 0 before the stage snapshot */
    bool confirm; /* what follows cannot be taken back: ask now whether the claim still holds */
};

typedef enum status work_report_fn(void *context, const struct work_report *report,
                                   struct error *err);

/* The key of the app's repository in the bucket: what the caller remembers of an earlier job, and,
 * afterwards, what it may remember. A secret: for memory only, to be wiped. */
enum { WORK_KEY_BYTES = 64 };

struct work_key {
    bool known; /* one that does not fit, since the repository was replaced, is put right */
    unsigned char bytes[WORK_KEY_BYTES];
};

/* The part that all plans have in common. */
struct work {
    const struct bucket_definition *bucket;
    const char *app_id; /* the app's repository lies below it in the bucket */
    const char *passphrase;
    struct work_key *key; /* NULL: derived from the passphrase, a tenth of a second of work */
    struct bandwidth *bandwidth; /* of all transfers; NULL: no limits */
    const struct cancel *cancel;
    work_report_fn *report; /* NULL: nobody is told */
    void *context;
};

struct work_result {
    char repository_snapshot[RESTIC_ID_SIZE];
    int64_t bytes_done, bytes_total;
    int64_t taken_ms;
    enum hook_state hook_state; /* unset: this attempt came to no hook, keep what is known */
    json_t *hook_state_details; /* owned */
    json_t *state_details;      /* owned */
};

enum status work_result_init(struct work_result *result, struct error *err) MUST_CHECK;
void work_result_done(struct work_result *result);

/* Reports a job that has only a stage and counts bytes, then looks whether it is cancelled. */
enum status work_report_stage(const struct work *work, const char *stage,
                              const struct work_result *result, struct error *err) MUST_CHECK;

/* Opens the bucket at the app's repository. UNAVAILABLE, reason "bucket_unreachable": there is no
 * such bucket now. */
enum status work_open_store(const struct work *work, struct object_store **ret_store,
                            struct error *err) MUST_CHECK;

/* Opens the app's repository in the store, with the key that is known if it fits. create: it is
 * made where there is none, which is NOT_FOUND otherwise. */
enum status work_open_repository(const struct work *work, struct object_store *store, bool create,
                                 struct repository **ret_repository, struct error *err) MUST_CHECK;

/* Opens both. Where there is no repository, *ret_repository is NULL, which is no failure. Caller
 * owns what it gets, *ret_store also on failure. */
enum status work_open_existing(const struct work *work, struct object_store **ret_store,
                               struct repository **ret_repository, struct error *err) MUST_CHECK;

/* Gives the lock back after the work that needed it, whose status is returned; if that is OK, that
 * of the unlocking. */
enum status work_unlock(struct repository *repository, enum status worked, struct error *err)
    MUST_CHECK;

#endif
