/*
 * The kind prune: a repository gives back the room that deleted backups took, and loses the
 * snapshots of backups that have failed.
 */
#include "backups.h"
#include "core/cleanup.h"
#include "kinds.h"
#include "maintenance/maintenance.h"
#include "run.h"

#include <string.h>

/* What it takes to remove snapshots, besides the backup that they belong to. */
struct forgetting {
    struct run *run;
    struct forget_plan plan;
    bool looked; /* run->findings says of which backups there are snapshots */
};

/* All snapshots are read once, and not again for each backup that has failed. */
static enum status look_once(struct forgetting *forgetting, struct error *err)
{
    struct run *run = forgetting->run;
    if (!forgetting->looked &&
        catalog_run(&forgetting->plan.work, &run->result, run->findings, err) != STATUS_OK)
        return error_status(err);
    forgetting->looked = true;
    return STATUS_OK;
}

/* A process that died between commit and report has left its snapshot; where the backup was then
 * canceled, or given up, nobody else would remove that before the record. */
static enum status forget_failed(void *context, const struct backup *backup, struct error *err)
{
    struct forgetting *forgetting = context;
    const struct run *run = forgetting->run;
    if (backup->state != BACKUP_FAILED || backup->bytes_total < 0 ||
        strcmp(backup->bucket, run->job.bucket) != 0)
        return STATUS_OK;
    if (look_once(forgetting, err) != STATUS_OK)
        return error_status(err);
    if (!backups_have(run->findings, backup->id))
        return STATUS_OK;
    forgetting->plan.backup = backup->id;
    return forget_run(&forgetting->plan, err);
}

/* No job of the app runs beside this one, so a backup that has failed stays failed. */
static enum status forget_all_failed(struct run *run, const struct work *work, struct error *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = node_config_store_options(&run->node);
    struct forgetting forgetting = {.run = run, .plan = {.work = *work}};
    if (store_open(&options, &store, err) != STATUS_OK)
        return error_status(err);
    return backups_each(store, &run->job, forget_failed, &forgetting, err);
}

static enum status run_prune(struct run *run, const struct work *work, struct error *err)
{
    const struct prune_plan plan = {
        .work = *work,
        .timeout_ms = run->node.config->worker.prune_timeout_s * 1000,
    };
    if (forget_all_failed(run, work, err) != STATUS_OK)
        return error_status(err);
    return prune_run(&plan, &run->result, err);
}

const struct kind kind_prune = {
    .subject = &subject_task,
    .first_state = BACKUP_RUNNING,
    .run = run_prune,
};
