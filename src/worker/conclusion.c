#include "core/clock.h"
#include "core/log.h"
#include "core/point.h"
#include "model/detail.h"
#include "model/event.h"
#include "outcome.h"
#include "run.h"
#include "worker/worker.h"

#include <sys/random.h>

enum { FINISH_RETRY_MS = 250 };

static int64_t retry_delay_ms(const struct config_worker *worker, int64_t failures)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = (uint32_t)clock_mono_ms();
    return outcome_delay_ms(worker->retry_delays_s, worker->retry_delay_count, failures, random);
}

static struct store_progress last_progress(const struct run *run)
{
    struct store_progress progress = STORE_PROGRESS_NONE;
    if (run->kind->first_state == BACKUP_STATE_UNSET)
        return progress;
    const struct work_result *result = &run->result;
    progress.bytes_done = result->bytes_done;
    progress.bytes_total = result->bytes_total;
    progress.taken_ms = result->taken_ms > 0 ? result->taken_ms : -1;
    progress.hook_state = result->hook_state;
    progress.hook_state_details = result->hook_state_details;
    progress.state_details = result->state_details;
    if (result->repository_snapshot[0] != '\0')
        progress.repository_snapshot = result->repository_snapshot;
    return progress;
}

static enum status say_once(struct run *run, const struct store_finish *finish, struct error *err)
{
    bool announce =
        run->kind->first_state == BACKUP_DISCOVERING && finish->outcome == STORE_OUTCOME_COMPLETED;
    if (announce && lease_announce_running(run->lease, err) != STATUS_OK)
        return error_status(err);
    enum status status = run->system->job_finish(run->store, &run->job, finish, err);
    if (!announce || status != STATUS_CONFLICT)
        return status;
    /* A Redis that was killed may have lost the end of its log, and with it that the job runs. */
    if (lease_announce_again(run->lease, err) != STATUS_OK)
        return error_status(err);
    return run->system->job_finish(run->store, &run->job, finish, err);
}

/* An unreachable Redis is asked again for as long as the claim lasts. Unsure whether an attempt
 * arrived, the next one may be told LOST: then it did, and the claim is over either way. */
static enum status say(struct run *run, const struct store_finish *finish, struct error *err)
{
    int64_t deadline_ms = lease_end_ms(run->lease);
    for (;;) {
        enum status status = say_once(run, finish, err);
        if (!status_is_transient(status) || run->system->now_ms() >= deadline_ms)
            return status;
        run->system->pause(FINISH_RETRY_MS);
    }
}

/* The event says what happens next; code and reason say why. */
static void log_outcome(const struct run *run, enum outcome outcome, int64_t delay_ms,
                        const struct error *cause, const char *reason)
{
    static const struct {
        enum log_level level;
        enum event_kind event;
    } events[OUTCOME_COUNT] = {
        [OUTCOME_COMPLETED] = {LOG_LEVEL_INFO, EVENT_JOB_COMPLETED},
        [OUTCOME_FAILED] = {LOG_LEVEL_ERROR, EVENT_JOB_FAILED},
        [OUTCOME_CANCELED] = {LOG_LEVEL_INFO, EVENT_JOB_CANCELED},
        [OUTCOME_RETRY] = {LOG_LEVEL_WARNING, EVENT_JOB_RETRIED},
        [OUTCOME_RELEASED] = {LOG_LEVEL_INFO, EVENT_JOB_RELEASED},
        [OUTCOME_LOST] = {LOG_LEVEL_WARNING, EVENT_JOB_LOST},
    };

    const char *code = outcome == OUTCOME_COMPLETED ? "" : cause->reason;
    log_event(events[outcome].level, events[outcome].event,
              LOG_TEXT("outcome", outcome_name(outcome)),
              LOG_NUMBER("bytes", run->result.bytes_done), LOG_NUMBER("retry_in_ms", delay_ms),
              LOG_TEXT("code", code), LOG_TEXT("reason", reason));
}

/* The reason of a release is the request, not the failure that the request caused. */
static const char *reason_of(const struct run *run, enum outcome outcome, const struct error *cause)
{
    if (outcome == OUTCOME_COMPLETED)
        return "";
    if (outcome != OUTCOME_RELEASED)
        return cause->text;
    return lease_gave_up(run->lease) ? "Redis was away for too long" : "the worker stopped";
}

static void give_up(const struct run *run)
{
    if (run->kind->give_up != NULL)
        run->kind->give_up(&run->node.directories, &run->job);
}

int conclude(struct run *run, enum status status, const struct error *cause)
{
    lease_stop(run->lease); /* from here on the connection is ours */
    struct error telling = {0};
    if (run->kind->tell != NULL && run->kind->tell(run, status, cause, &telling) != STATUS_OK) {
        status = telling.status;
        cause = &telling;
    }
    const struct outcome_facts facts = {
        .status = status,
        .canceled = (enum status)atomic_load(&run->cancel->status),
        .failures = run->job.failures,
        .retries_max = run->node.config->worker.retries_max,
    };
    enum outcome outcome = outcome_decide(&facts);
    int64_t delay_ms = 0;
    if (outcome == OUTCOME_RETRY)
        delay_ms = retry_delay_ms(&run->node.config->worker, run->job.failures + 1);
    const char *reason = reason_of(run, outcome, cause);
    job_log_end(&run->log, run->result.state_details);
    log_outcome(run, outcome, delay_ms, cause, reason);
    if (outcome == OUTCOME_LOST)
        return WORKER_EXIT_LOST;

    if (outcome == OUTCOME_FAILED) {
        const char *stage = lease_stage(run->lease);
        detail_add_error(run->result.state_details, stage[0] == '\0' ? "start" : stage, cause);
    }
    if (outcome == OUTCOME_FAILED || outcome == OUTCOME_CANCELED)
        give_up(run);
    const struct store_finish finish = {
        .outcome = outcome_to_store(outcome),
        .delay_ms = delay_ms,
        .reason = reason,
        .progress = last_progress(run),
    };
    struct error err = {0};
    point_pass("finish");
    if (say(run, &finish, &err) == STATUS_OK) {
        point_pass("finished");
        return WORKER_EXIT_FINISHED;
    }
    log_text(LOG_LEVEL_WARNING, "the end of the job could not be written",
             LOG_TEXT("code", err.reason), LOG_TEXT("reason", err.text));
    return err.status == STATUS_LOST ? WORKER_EXIT_LOST : WORKER_EXIT_UNFINISHED;
}
