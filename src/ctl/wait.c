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

/* SA_RESTART is not set: a signal must end the pause between two looks. */
static enum status catch_interrupt(struct error *err)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0)
        return FAIL_ERRNO(err, "handle SIGINT");
    return STATUS_OK;
}

/* What is followed: a backup, or a task. */
struct follow {
    struct session *session;
    const char *id;
    const char *job; /* NULL: the record says it */
    void *record;    /* as it was seen last */
    /* Reads the record anew, and what there is to show of it. */
    enum status (*look)(struct follow *follow, struct progress_sample *ret_sample,
                        struct error *err);
};

/* The stage is only shown: whatever goes wrong, it is not known then. */
static void get_stage(struct session *session, const char *job_id, char stage[PROGRESS_STAGE_SIZE])
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    struct error err = {0};
    struct job job = {0};
    store_call_job_get(&call, job_id);
    enum status status = session_run(session, &call, &reply, &err);
    if (status == STATUS_OK && store_reply_job(reply, &job, &err) == STATUS_OK)
        (void)snprintf(stage, PROGRESS_STAGE_SIZE, "%.31s", job.stage);
}

/* What there is to show beside the numbers: what it waits for, or how far its job is. */
static void complete_sample(struct session *session, const json_t *state_unready,
                            const char *job_id, struct progress_sample *sample)
{
    const char *reason = json_string_value(json_array_get(state_unready, 0));
    if (reason != NULL)
        (void)snprintf(sample->reason, sizeof(sample->reason), "%.127s", reason);
    if (sample->state == BACKUP_DISCOVERING || sample->state == BACKUP_RUNNING)
        get_stage(session, job_id, sample->stage);
}

static enum status look_at_backup(struct follow *follow, struct progress_sample *ret_sample,
                                  struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    struct backup now = {0};
    store_call_backup_get(&call, follow->session->account, NULL, follow->id);
    if (session_run(follow->session, &call, &reply, err) != STATUS_OK ||
        store_reply_backup(reply, &now, err) != STATUS_OK)
        return error_status(err);
    backup_done(follow->record);
    memcpy(follow->record, &now, sizeof(now));
    *ret_sample = (struct progress_sample){
        .state = now.state,
        .percent = now.percent_done,
        .bytes_done = now.bytes_done,
        .bytes_total = now.bytes_total,
    };
    complete_sample(follow->session, now.state_unready, follow->job, ret_sample);
    return STATUS_OK;
}

static enum status look_at_task(struct follow *follow, struct progress_sample *ret_sample,
                                struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    struct task now = {0};
    store_call_task_get(&call, follow->session->account, follow->id);
    if (session_run(follow->session, &call, &reply, err) != STATUS_OK ||
        store_reply_task(reply, &now, err) != STATUS_OK)
        return error_status(err);
    task_done(follow->record);
    memcpy(follow->record, &now, sizeof(now));
    *ret_sample = (struct progress_sample){
        .state = now.state,
        .percent = now.percent_done,
        .bytes_done = now.bytes_done,
        .bytes_total = now.bytes_total,
    };
    complete_sample(follow->session, now.state_unready, now.job, ret_sample);
    return STATUS_OK;
}

static bool has_ended(enum backup_state state)
{
    return state == BACKUP_COMPLETED || state == BACKUP_FAILED || state == BACKUP_REMOVED;
}

/* Looks and shows what is seen. Redis may be away for a while. */
static enum status look(struct follow *follow, struct progress *progress,
                        struct progress_sample *ret_sample, int64_t *seen_ms, struct error *err)
{
    enum status status = follow->look(follow, ret_sample, err);
    int64_t now_ms = clock_mono_ms();
    if (status != STATUS_OK)
        return status_is_transient(status) && now_ms - *seen_ms <= AWAY_MAX_MS ? STATUS_OK : status;
    *seen_ms = now_ms;
    progress_update(progress, ret_sample, now_ms);
    return STATUS_OK;
}

static enum status look_until_it_ends(struct follow *follow, struct progress *progress,
                                      bool *ret_interrupted, struct error *err)
{
    int64_t seen_ms = clock_mono_ms();
    struct progress_sample sample = {0};
    while (interrupted == 0 && !has_ended(sample.state)) {
        if (look(follow, progress, &sample, &seen_ms, err) != STATUS_OK)
            return error_status(err);
        if (!has_ended(sample.state))
            (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    *ret_interrupted = !has_ended(sample.state);
    return STATUS_OK;
}

static enum status run(struct follow *follow, bool *ret_interrupted, struct error *err)
{
    struct progress progress;
    if (catch_interrupt(err) != STATUS_OK)
        return error_status(err);
    progress_init(&progress, stderr);
    enum status status = look_until_it_ends(follow, &progress, ret_interrupted, err);
    progress_end(&progress);
    return status;
}

enum status wait_for_backup(struct session *session, const char *id, const char *job,
                            struct backup *ret_backup, bool *ret_interrupted, struct error *err)
{
    struct backup backup = {0};
    struct follow follow = {
        .session = session, .id = id, .job = job, .record = &backup, .look = look_at_backup};
    if (run(&follow, ret_interrupted, err) != STATUS_OK) {
        backup_done(&backup);
        return FAIL_IN(err, "wait for backup %s", id);
    }
    *ret_backup = backup;
    return STATUS_OK;
}

enum status wait_for_task(struct session *session, const char *id, struct task *ret_task,
                          bool *ret_interrupted, struct error *err)
{
    struct task task = {0};
    struct follow follow = {.session = session, .id = id, .record = &task, .look = look_at_task};
    if (run(&follow, ret_interrupted, err) != STATUS_OK) {
        task_done(&task);
        return FAIL_IN(err, "wait for task %s", id);
    }
    *ret_task = task;
    return STATUS_OK;
}
