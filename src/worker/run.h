/*
 * Run: what a job process knows of its one claim. job.c leads it from its first look at Redis to
 * its last word; task.c does the part of tasks: restores, prunes and verifications.
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "access/work.h"
#include "core/cancel.h"
#include "core/error.h"
#include "job_lock.h"
#include "job_log.h"
#include "lease.h"
#include "maintenance/verify.h"
#include "model/task.h"
#include "node_config.h"
#include "outcome.h"
#include "pending_thaws.h"
#include "store/blocking.h"

struct run {
    const char *config_path;
    struct node_config node;
    struct store *store; /* the lease's, from lease_start() to lease_stop() */
    struct job job;
    struct backup backup; /* of a backup or delete */
    struct task task;     /* of the others */
    struct job_lock lock;
    struct pending_thaws thaws; /* owed to the app by earlier jobs */
    struct lease *lease;
    struct job_log log;
    struct work_result result;
    struct verify_verdicts verdicts; /* of a verification */
    json_t *catalog;                 /* of a catalog task: what was found */
    struct cancel *cancel;
    struct bandwidth *bandwidth; /* of the bucket that it works on */
    int keys;                    /* the key channel, or -1 */
};

/* The stages of a task. */
enum status task_run(struct run *run, const struct work *work, struct error *err) MUST_CHECK;

/* After lease_stop(), before the claim is finished: what a verification has found. cause: how it
 * ended. */
enum status task_tell(struct run *run, enum status status, const struct error *cause,
                      struct error *err) MUST_CHECK;

/* What it keeps on this node for another attempt, when there will be none. */
void task_give_up(const struct node_directories *directories, const struct job *job);

/* work_report_fn for every kind. */
enum status run_report(void *context, const struct work_report *report, struct error *err)
    MUST_CHECK;

#endif
