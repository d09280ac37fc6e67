#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "job_log.h"
#include "kinds.h"
#include "model/event.h"
#include "supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    RETURN_DELAY_MS = 5000,
    KILL_DELAY_MS = 1000 /* per earlier kill of the job: the first retry is at once */
};

static void log_exit(const struct slot *slot, const char *verdict)
{
    bool quarantined = strcmp(verdict, "quarantined") == 0;
    log_event(quarantined ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
              quarantined ? EVENT_JOB_QUARANTINED : EVENT_JOB_DIED, JOB_FIELDS(&slot->job),
              LOG_TEXT("verdict", verdict),
              LOG_TEXT("code", reason_code(quarantined ? REASON_QUARANTINED : REASON_JOB_DIED)),
              LOG_TEXT("reason", slot->exit.evidence));
}

static enum status tell_return(struct supervisor *supervisor, const struct slot *slot,
                               struct error *err)
{
    const struct store_finish finish = {
        .outcome = STORE_OUTCOME_RELEASED,
        .delay_ms = supervisor->stopping ? 0 : RETURN_DELAY_MS,
        .reason = slot->exit.evidence,
        .progress = STORE_PROGRESS_NONE,
    };
    if (supervisor->system->job_finish(supervisor->store, &slot->job, &finish, err) != STATUS_OK)
        return error_status(err);
    log_event(LOG_LEVEL_WARNING, EVENT_JOB_RELEASED, JOB_FIELDS(&slot->job),
              LOG_TEXT("reason", slot->exit.evidence));
    return STATUS_OK;
}

static enum status tell_killed(struct supervisor *supervisor, struct slot *slot, struct error *err)
{
    static const char *const verdicts[] = {
        [STORE_VERDICT_NONE] = "none",
        [STORE_VERDICT_RETRY] = "retry",
        [STORE_VERDICT_QUARANTINED] = "quarantined",
        [STORE_VERDICT_CANCELED] = "canceled",
        [STORE_VERDICT_FAILED] = "failed",
    };
    struct job job = {0}; /* what Redis knows last: the stage */
    if (supervisor->system->job_get(supervisor->store, slot->job.id, &job, err) != STATUS_OK)
        return error_status(err);
    struct job_exit end = slot->exit;
    job_exit_add_stage(&end, job.stage);
    job_exit_add_output(&end, slot->output.tail, slot->output.len);
    const struct store_death report = {
        .evidence = end.evidence,
        .kills_max = supervisor->node.config->worker.kills_max,
        .delay_ms = job.kills * KILL_DELAY_MS,
    };
    enum store_verdict verdict = STORE_VERDICT_NONE;
    if (supervisor->system->job_died(supervisor->store, &slot->job, &report, &verdict, err) !=
        STATUS_OK)
        return error_status(err);
    if (verdict != STORE_VERDICT_NONE && verdict != STORE_VERDICT_RETRY)
        kind_give_up(&supervisor->node.directories, &slot->job);
    slot->exit = end;
    log_exit(slot, verdicts[verdict]);
    supervisor->claim_ms = 0; /* it may be waiting for us already */
    return STATUS_OK;
}

static enum status tell(struct supervisor *supervisor, struct slot *slot, struct error *err)
{
    enum status status = slot->exit.kind == JOB_EXIT_KILLED ? tell_killed(supervisor, slot, err)
                                                            : tell_return(supervisor, slot, err);
    if (status_is_transient(status))
        return status;
    if (status != STATUS_OK) { /* the claim is another's by now, or gone */
        log_text(LOG_LEVEL_WARNING, "end of a job not told", JOB_FIELDS(&slot->job),
                 LOG_TEXT("evidence", slot->exit.evidence), LOG_TEXT("code", err->reason),
                 LOG_TEXT("reason", err->text));
    }
    slot->phase = SLOT_FREE;
    helper_ask(&supervisor->helpers[HELPER_LEFTOVERS]);
    return STATUS_OK;
}

enum status supervisor_report_ends(struct supervisor *supervisor, struct error *err)
{
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        struct slot *slot = &supervisor->slots.items[i];
        if (slot->phase == SLOT_TELLING && tell(supervisor, slot, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static void take_key(struct supervisor *supervisor, const struct slot *slot)
{
    struct work_key key;
    slot_take_key(slot, &key);
    if (key.known)
        key_ring_keep(supervisor->keys, slot->job.bucket, slot->job.app, &key);
    explicit_bzero(&key, sizeof(key));
}

void supervisor_take_keys(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->slots.count; i++)
        take_key(supervisor, &supervisor->slots.items[i]);
}

void supervisor_forward_output(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->slots.count; i++)
        if (supervisor->slots.items[i].phase == SLOT_RUNNING)
            job_output_pass_on(&supervisor->slots.items[i].output);
}

static void on_job_end(struct supervisor *supervisor, struct slot *slot, int wait_status)
{
    take_key(supervisor, slot);
    job_output_pass_on(&slot->output);
    job_output_close(&slot->output);
    fd_closep(&slot->keys);
    slot->keys = -1;
    slot->exit = job_exit_of(wait_status, slot->stopped);
    supervisor->claim_ms = 0; /* a slot is free, or will be soon */
    supervisor_end_group(supervisor, slot->job.id);
    if (slot->exit.kind == JOB_EXIT_NONE) {
        slot->phase = SLOT_FREE;
        helper_ask(&supervisor->helpers[HELPER_LEFTOVERS]);
        return;
    }
    struct error err = {0};
    slot->group = supervisor_make_group(supervisor, slot->job.id);
    if (slot_start_unwinding(slot, supervisor->system, &supervisor->node.directories, &err) ==
        STATUS_OK)
        return;
    log_event(LOG_LEVEL_ERROR, EVENT_UNWIND_FAILED, JOB_FIELDS(&slot->job),
              LOG_TEXT("code", err.reason), LOG_TEXT("reason", err.text));
    fd_closep(&slot->group);
    slot->phase = SLOT_TELLING;
}

void supervisor_reap(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        struct slot *slot = &supervisor->slots.items[i];
        int wait_status = 0;
        if (!slot_has_ended(slot, supervisor->system, &wait_status))
            continue;
        if (slot->phase == SLOT_RUNNING)
            on_job_end(supervisor, slot, wait_status);
        else
            slot->phase = SLOT_TELLING;
    }
    helpers_reap(supervisor->helpers, HELPER_COUNT, supervisor->system);
}

void supervisor_signal_jobs(struct supervisor *supervisor, int number)
{
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        struct slot *slot = &supervisor->slots.items[i];
        if (slot->phase != SLOT_RUNNING)
            continue;
        slot->stopped = slot->stopped || number == SIGKILL;
        (void)supervisor->system->kill(slot->pid, number);
    }
}
