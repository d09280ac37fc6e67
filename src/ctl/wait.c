#include "wait.h"

#include "core/clock.h"
#include "progress.h"
#include "store/calls.h"
#include "store/replies.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    POLL_MS = 200,
    AWAY_MAX_MS = 60000 /* how long Redis may be away before we give up: the backup does not */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Without SA_RESTART: the pause below must end. */
static enum status catch_interrupt(struct error *err)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0)
        return FAIL_ERRNO(err, "handle SIGINT");
    return STATUS_OK;
}

static enum status get_backup(struct session *session, const char *id, struct backup *ret_backup,
                              struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_get(&call, session->account, NULL, id);
    enum status status = store_run(session->store, &call, &reply, err);
    store_call_done(&call);
    if (status != STATUS_OK)
        return status;
    return store_reply_backup(reply, ret_backup, err);
}

/* Only for show: whatever goes wrong, the stage is not known then. */
static void get_stage(struct session *session, const char *job_id, char stage[PROGRESS_STAGE_SIZE])
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    struct error err = {0};
    struct job job = {0};
    store_call_job_get(&call, job_id);
    enum status status = store_run(session->store, &call, &reply, &err);
    store_call_done(&call);
    if (status == STATUS_OK && store_reply_job(reply, &job, &err) == STATUS_OK)
        (void)snprintf(stage, PROGRESS_STAGE_SIZE, "%.31s", job.stage);
}

static void show(struct session *session, struct progress *progress, const struct backup *backup,
                 const char *job)
{
    struct progress_sample sample = {
        .state = backup->state,
        .percent = backup->percent_done,
        .bytes_done = backup->bytes_done,
        .bytes_total = backup->bytes_total,
    };
    const char *reason = json_string_value(json_array_get(backup->state_unready, 0));
    if (reason != NULL)
        (void)snprintf(sample.reason, sizeof(sample.reason), "%.127s", reason);
    if (backup->state == BACKUP_DISCOVERING || backup->state == BACKUP_RUNNING)
        get_stage(session, job, sample.stage);
    progress_update(progress, &sample, clock_mono_ms());
}

static bool has_ended(enum backup_state state)
{
    return state == BACKUP_COMPLETED || state == BACKUP_FAILED || state == BACKUP_REMOVED;
}

static enum status follow(struct session *session, const char *id, const char *job,
                          struct progress *progress, struct backup *backup, struct error *err)
{
    int64_t seen_ms = clock_mono_ms();
    while (interrupted == 0) {
        struct backup now = {0};
        enum status status = get_backup(session, id, &now, err);
        if (status == STATUS_OK) {
            seen_ms = clock_mono_ms();
            backup_done(backup);
            *backup = now;
            show(session, progress, backup, job);
            if (has_ended(backup->state))
                break;
        } else if (!status_is_transient(status) || clock_mono_ms() - seen_ms > AWAY_MAX_MS) {
            return status;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    return STATUS_OK;
}

enum status wait_for_backup(struct session *session, const char *id, const char *job,
                            struct backup *ret_backup, bool *ret_interrupted, struct error *err)
{
    struct progress progress;
    struct backup backup = {0};
    if (catch_interrupt(err) != STATUS_OK)
        return err->status;
    progress_init(&progress, stderr);
    enum status status = follow(session, id, job, &progress, &backup, err);
    progress_end(&progress);
    if (status != STATUS_OK) {
        backup_done(&backup);
        return FAIL_IN(err, "wait for backup %s", id);
    }
    *ret_interrupted = !has_ended(backup.state);
    *ret_backup = backup;
    return STATUS_OK;
}

/* --- tasks --- */

static enum status get_task(struct session *session, const char *id, struct task *ret_task,
                            struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_task_get(&call, session->account, id);
    enum status status = store_run(session->store, &call, &reply, err);
    store_call_done(&call);
    if (status != STATUS_OK)
        return status;
    return store_reply_task(reply, ret_task, err);
}

static void show_task(struct session *session, struct progress *progress, const struct task *task)
{
    struct progress_sample sample = {
        .state = task->state,
        .percent = task->percent_done,
        .bytes_done = task->bytes_done,
        .bytes_total = task->bytes_total,
    };
    const char *reason = json_string_value(json_array_get(task->state_unready, 0));
    if (reason != NULL)
        (void)snprintf(sample.reason, sizeof(sample.reason), "%.127s", reason);
    if (task->state == BACKUP_RUNNING)
        get_stage(session, task->job, sample.stage);
    progress_update(progress, &sample, clock_mono_ms());
}

static enum status follow_task(struct session *session, const char *id, struct progress *progress,
                               struct task *task, struct error *err)
{
    int64_t seen_ms = clock_mono_ms();
    while (interrupted == 0) {
        struct task now = {0};
        enum status status = get_task(session, id, &now, err);
        if (status == STATUS_OK) {
            seen_ms = clock_mono_ms();
            task_done(task);
            *task = now;
            show_task(session, progress, task);
            if (has_ended(task->state))
                break;
        } else if (!status_is_transient(status) || clock_mono_ms() - seen_ms > AWAY_MAX_MS) {
            return status;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    return STATUS_OK;
}

enum status wait_for_task(struct session *session, const char *id, struct task *ret_task,
                          bool *ret_interrupted, struct error *err)
{
    struct progress progress;
    struct task task = {0};
    if (catch_interrupt(err) != STATUS_OK)
        return err->status;
    progress_init(&progress, stderr);
    enum status status = follow_task(session, id, &progress, &task, err);
    progress_end(&progress);
    if (status != STATUS_OK) {
        task_done(&task);
        return FAIL_IN(err, "wait for task %s", id);
    }
    *ret_interrupted = !has_ended(task.state);
    *ret_task = task;
    return STATUS_OK;
}
