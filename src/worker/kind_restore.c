/*
 * The kind restore: the data of a backup comes back, in place of the app's or beside it.
 */
#include "core/cleanup.h"
#include "core/log.h"
#include "kinds.h"
#include "restore/restore.h"
#include "restore_target.h"
#include "run.h"
#include "undo/undo.h"

#include <stdlib.h>

/* Lists the patterns, which are borrowed from the task; the caller frees the list. */
static enum status list_includes(const struct task *task, const char ***ret_list, struct error *err)
{
    size_t count = json_array_size(task->includes);
    *ret_list = NULL;
    if (count == 0)
        return STATUS_OK;
    if (count > TASK_INCLUDES_MAX)
        return FAIL(err, STATUS_INVALID, "%zu patterns, at most %d are allowed", count,
                    TASK_INCLUDES_MAX);
    *ret_list = calloc(count + 1, sizeof(**ret_list));
    if (*ret_list == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu patterns", count);
    for (size_t i = 0; i < count; i++)
        (*ret_list)[i] = json_string_value(json_array_get(task->includes, i));
    return STATUS_OK;
}

static enum status run_restore(struct run *run, const struct work *work, struct error *err)
{
    const struct task *task = run->subject;
    CLEANUP(free_any) const char **includes = NULL;
    bool in_place = task->target[0] == '\0';
    if (!in_place && restore_target_check(run->node.config, task->target, err) != STATUS_OK)
        return FAIL_IN(err, "target");
    if (list_includes(task, &includes, err) != STATUS_OK)
        return FAIL_IN(err, "includes");
    const struct restore_plan plan = {
        .work = *work,
        .job = run->job.id,
        .backup = task->backup,
        .snapshot = task->repository_snapshot[0] == '\0' ? NULL : task->repository_snapshot,
        .app = run->app,
        .undo_directory = run->node.directories.undo,
        .paid = &run->unwound,
        .target = in_place ? NULL : task->target,
        .overwrite = task->overwrite,
        .includes = includes,
    };
    return restore_run(&plan, &run->result, err);
}

/* What it has put beside the volumes is kept for its next attempt. */
static void give_up(const struct node_directories *directories, const struct job *job)
{
    struct error err = {0};
    if (undo_discard(directories->undo, job->id, &err) != STATUS_OK)
        log_text(LOG_LEVEL_WARNING, "what a restore has begun is not removed",
                 LOG_TEXT("job", job->id), LOG_TEXT("reason", err.text));
}

static const enum hook_stage settled_by_restore[] = {HOOK_POST_RESTORE};

const struct kind kind_restore = {
    .subject = &subject_task,
    .first_state = BACKUP_RUNNING,
    .settles = settled_by_restore,
    .settles_count = sizeof(settled_by_restore) / sizeof(settled_by_restore[0]),
    .run = run_restore,
    .give_up = give_up,
};
