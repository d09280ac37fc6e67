/*
 * The kinds backup and delete: a backup comes into its bucket, and is removed from it.
 */
#include "backup/backup.h"
#include "kinds.h"
#include "maintenance/maintenance.h"
#include "run.h"

static enum status back_up(struct run *run, const struct work *work, struct error *err)
{
    const struct backup *backup = run->subject;
    const struct backup_plan plan = {
        .work = *work,
        .job = run->job.id,
        .backup = run->job.subject,
        .backup_name = backup->name,
        .account = run->job.account,
        .created_by = backup->created_by,
        .version = backup->version,
        .labels = backup->labels,
        .app = run->app,
        .undo_directory = run->node.directories.undo,
        .paid = &run->unwound,
    };
    return backup_run(&plan, &run->result, err);
}

static const enum hook_stage settled_by_backup[] = {HOOK_POST_SNAPSHOT, HOOK_POST_BACKUP};

const struct kind kind_backup = {
    .subject = &subject_backup,
    .first_state = BACKUP_DISCOVERING,
    .settles = settled_by_backup,
    .settles_count = sizeof(settled_by_backup) / sizeof(settled_by_backup[0]),
    .run = back_up,
};

static enum status forget(struct run *run, const struct work *work, struct error *err)
{
    const struct backup *backup = run->subject;
    const struct forget_plan plan = {
        .work = *work,
        .backup = run->job.subject,
        .snapshot = backup->repository_snapshot,
    };
    return forget_run(&plan, err);
}

/* It has no result, and its record keeps what the backup said. */
const struct kind kind_delete = {
    .subject = &subject_backup,
    .first_state = BACKUP_STATE_UNSET,
    .run = forget,
};
