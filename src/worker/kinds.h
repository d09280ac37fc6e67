/*
 * Kinds: what the worker does for each kind of job. src/model/job_kinds.yaml declares the facts of
 * a kind (job_kind_table[]); what it takes to do it is a file kind_<name>.c that defines the struct
 * kind_<name>. Nothing else in the worker asks of what kind a job is.
 *
 * Order     A job process calls fetch(), run(), tell() once each, and give_up() after a job that
 *           will have no other attempt; the supervisor calls give_up() and read_bytes() as well.
 * Ownership What fetch() returns is owned by the run, and freed by done().
 */
#ifndef WORKER_KINDS_H
#define WORKER_KINDS_H

#include "access/work.h"
#include "core/error.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/job.h"
#include "node_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run; /* run.h */

/* What a job works on, as Redis has it. */
struct subject {
    /* Reads the subject with this id. */
    enum status (*fetch)(struct store *store, const char *id, void **ret_subject,
                         struct error *err);
    void (*done)(void *subject);
    const char *(*app_name)(const void *subject);
    /* The id of another record, a backup, that it is about; "": none. */
    const char *(*backup)(const void *subject);
    /* How many of its bytes are done. */
    enum status (*read_bytes)(struct store *store, const char *id, int64_t *ret_bytes,
                              struct error *err);
};

struct kind {
    const struct subject *subject;
    /* What the subject becomes when the job begins. UNSET: the job leaves the record of its subject
     * as it is, and has no progress to report. A job that begins with DISCOVERING says that it is
     * RUNNING before it can be completed. */
    enum backup_state first_state;
    bool may_lack_bucket; /* a node that has no such bucket has nothing to do, and is done */
    /* When the job's own hooks have worked, these have done for the app what earlier ones could not
     * (pending_thaws.h). */
    const enum hook_stage *settles;
    size_t settles_count;

    /* Runs the stages. */
    enum status (*run)(struct run *run, const struct work *work, struct error *err);
    /* Tells Redis what was found, after the lease and before the end of the claim. status and cause
     * say how run() has ended. A failure takes their place. NULL: there is nothing to tell. */
    enum status (*tell)(struct run *run, enum status status, const struct error *cause,
                        struct error *err);
    /* Removes what was kept on this node for another attempt. NULL: nothing is kept. */
    void (*give_up)(const struct node_directories *directories, const struct job *job);
};

#define KIND_DECLARE(job, name) extern const struct kind kind_##name;
JOB_KINDS_EACH(KIND_DECLARE)
#undef KIND_DECLARE

/* The kind of a job; NULL: there is none of that number. */
const struct kind *kind_of(enum job_kind kind);

/* Gives up the job, whichever its kind: there will be no other attempt at it. */
void kind_give_up(const struct node_directories *directories, const struct job *job);

extern const struct subject subject_backup; /* run->subject is a struct backup */
extern const struct subject subject_task;   /* run->subject is a struct task */

#endif
