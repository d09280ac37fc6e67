/*
 * Run: what a job process knows of its one claim. job.c leads it from its first look at Redis to
 * its last word; the kind of the job (kinds.h) does what is the kind's own.
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "access/work.h"
#include "job_lock.h"
#include "job_log.h"
#include "kinds.h"
#include "lease.h"
#include "model/task.h"
#include "node_config.h"
#include "pending_thaws.h"
#include "store/blocking.h"
#include "system.h"

struct run {
    const struct worker_system *system;
    const char *config_path;
    struct node_config node;
    struct store *store; /* the lease's, from lease_start() to lease_stop() */
    struct job job;
    const struct kind *kind;          /* the job's */
    void *subject;                    /* as kind->subject says */
    const struct app_definition *app; /* NULL: the node does not define it */
    struct job_lock lock;
    struct pending_thaws thaws; /* owed to the app by earlier jobs */
    struct error unwound;       /* of an earlier attempt, what was owed: OK, or why it still is */
    struct cancel *cancel;      /* what asks the work to end */
    struct lease *lease;
    struct job_log log;
    struct work_result result;
    json_t *findings; /* of a verification or a catalogue: an object for each backup */
    int keys;         /* the key channel, or -1 */
};

/* Ends the run (conclusion.c): what becomes of the claim is decided, logged and told to Redis, which
 * is asked again for as long as the claim lasts. Stops the lease. status and cause say how the work
 * has ended; cause is not looked at when that is OK. Returns the exit code, an enum worker_exit. */
int conclude(struct run *run, enum status status, const struct error *cause);

#endif
