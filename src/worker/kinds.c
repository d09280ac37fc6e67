#include "kinds.h"

#include "store/blocking.h"

#include <stdlib.h>

#define KIND_PLACE(job, name) [job] = &kind_##name,
static const struct kind *const kinds[JOB_KIND_COUNT] = {JOB_KINDS_EACH(KIND_PLACE)};

const struct kind *kind_of(enum job_kind kind)
{
    return (unsigned)kind < JOB_KIND_COUNT ? kinds[kind] : NULL;
}

void kind_give_up(const struct node_directories *directories, const struct job *job)
{
    const struct kind *kind = kind_of(job->kind);
    if (kind != NULL && kind->give_up != NULL)
        kind->give_up(directories, job);
}

/* --- the subjects that more than one kind of job has --- */

static void free_backup(void *subject)
{
    if (subject == NULL)
        return;
    backup_done(subject);
    free(subject);
}

static enum status fetch_backup(struct store *store, const char *id, void **ret_subject,
                                struct error *err)
{
    struct backup *backup = calloc(1, sizeof(*backup));
    if (backup == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "backup '%s'", id);
    if (store_backup_get(store, NULL, NULL, id, backup, err) != STATUS_OK) {
        free_backup(backup);
        return error_status(err);
    }
    *ret_subject = backup;
    return STATUS_OK;
}

static const char *app_name_of_backup(const void *subject)
{
    const struct backup *backup = subject;
    return backup->app_name;
}

static const char *no_other_backup(const void *subject)
{
    (void)subject;
    return "";
}

static enum status read_bytes_of_backup(struct store *store, const char *id, int64_t *ret_bytes,
                                        struct error *err)
{
    CLEANUP(backup_done) struct backup backup = {0};
    if (store_backup_get(store, NULL, NULL, id, &backup, err) != STATUS_OK)
        return error_status(err);
    *ret_bytes = backup.bytes_done;
    return STATUS_OK;
}

const struct subject subject_backup = {
    .fetch = fetch_backup,
    .done = free_backup,
    .app_name = app_name_of_backup,
    .backup = no_other_backup,
    .read_bytes = read_bytes_of_backup,
};

static void free_task(void *subject)
{
    if (subject == NULL)
        return;
    task_done(subject);
    free(subject);
}

static enum status fetch_task(struct store *store, const char *id, void **ret_subject,
                              struct error *err)
{
    struct task *task = calloc(1, sizeof(*task));
    if (task == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "task '%s'", id);
    if (store_task_get(store, NULL, id, task, err) != STATUS_OK) {
        free_task(task);
        return error_status(err);
    }
    *ret_subject = task;
    return STATUS_OK;
}

static const char *app_name_of_task(const void *subject)
{
    const struct task *task = subject;
    return task->app_name;
}

static const char *backup_of_task(const void *subject)
{
    const struct task *task = subject;
    return task->backup;
}

static enum status read_bytes_of_task(struct store *store, const char *id, int64_t *ret_bytes,
                                      struct error *err)
{
    CLEANUP(task_done) struct task task = {0};
    if (store_task_get(store, NULL, id, &task, err) != STATUS_OK)
        return error_status(err);
    *ret_bytes = task.bytes_done;
    return STATUS_OK;
}

const struct subject subject_task = {
    .fetch = fetch_task,
    .done = free_task,
    .app_name = app_name_of_task,
    .backup = backup_of_task,
    .read_bytes = read_bytes_of_task,
};
