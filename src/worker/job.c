#include "bucket_check.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/point.h"
#include "key_ring.h"
#include "limits.h"
#include "model/detail.h"
#include "model/event.h"
#include "outcome.h"
#include "run.h"
#include "signals.h"
#include "undo/undo.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

enum {
    LOCK_PATIENCE_MS = 20000, /* for an older process of this job to unwind and go */
    FINISH_RETRY_MS = 250
};

/* The handlers of signals reach it until the process is gone. */
static struct cancel cancel;

static void run_done(struct run *run)
{
    lease_free(run->lease);
    pending_thaws_done(&run->thaws);
    job_lock_release(&run->lock);
    work_result_done(&run->result);
    if (run->kind != NULL)
        run->kind->subject->done(run->subject);
    json_decref(run->findings);
    store_close(run->store);
    node_config_done(&run->node);
}

static enum status report(void *context, const struct work_report *news, struct error *err)
{
    struct run *run = context;
    job_log_report(&run->log, news);
    lease_report(run->lease, news);
    if (news->confirm)
        lease_confirm(run->lease);
    return cancel_check(&cancel, err);
}

static enum status check_claim(const struct job *job, int64_t epoch, struct error *err)
{
    if (job->epoch == epoch && strcmp(job->state, "claimed") == 0)
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_LOST, REASON_LEASE_LOST,
                       "the job is %s with epoch %lld, our claim has epoch %lld", job->state,
                       (long long)job->epoch, (long long)epoch);
}

/* Reads the job from Redis and, if the claim is still ours, its subject. */
static enum status fetch(struct run *run, const char *job, int64_t epoch, struct error *err)
{
    struct store_options options = node_config_store_options(&run->node);
    if (store_open(&options, &run->store, err) != STATUS_OK)
        return err->status;
    if (store_job_get(run->store, job, &run->job, err) != STATUS_OK)
        return err->status;
    if (check_claim(&run->job, epoch, err) != STATUS_OK)
        return err->status;
    run->kind = kind_of(run->job.kind);
    if (run->kind == NULL)
        return FAIL(err, STATUS_UNSUPPORTED, "job '%s' is of no kind that is known here", job);
    run->app = config_apps_find(run->node.apps, run->job.app);
    return run->kind->subject->fetch(run->store, run->job.subject, &run->subject, err);
}

static enum status start_lease(struct run *run, struct error *err)
{
    const struct lease_options options = {
        .system = &worker_system,
        .store = run->store,
        .job = &run->job,
        .lease_ms = run->node.config->worker.lease_ms,
        .grace_ms = run->node.config->worker.job_grace_s * 1000,
        .cancel = &cancel,
        .first_state = run->kind->first_state,
    };
    return lease_start(&options, &run->lease, err);
}

static const char *app_name(const struct run *run)
{
    return run->kind->subject->app_name(run->subject);
}

/* Sees to it that the job is alone on this node, and nothing of an earlier attempt in its way. */
static enum status make_room(struct run *run, struct error *err)
{
    if (job_lock_take(&run->lock, run->node.directories.locks, run->job.id, LOCK_PATIENCE_MS,
                      err) != STATUS_OK)
        return err->status;
    if (undo_job(run->node.directories.undo, run->job.id, &run->unwound) != STATUS_OK)
        log_event(LOG_LEVEL_WARNING, EVENT_UNWIND_FAILED, LOG_TEXT("code", run->unwound.reason),
                  LOG_TEXT("reason", run->unwound.text));
    if (!job_kind_table[run->job.kind].holds_app)
        return STATUS_OK;
    return pending_thaws_pay(&run->thaws, &run->node.directories, app_name(run), run->job.id,
                             &cancel, err);
}

/* The job's own hooks have done for the app what earlier ones could not. */
static void forgive_thaws(const struct run *run)
{
    const struct kind *kind = run->kind;
    if (run->result.hook_state == HOOK_STATE_SUCCESS)
        pending_thaws_forgive(&run->thaws, &run->node.directories, kind->settles,
                              kind->settles_count);
}

static enum status check_needs(const struct run *run, const struct bucket_definition *bucket,
                               struct error *err)
{
    const struct job_kind_facts *facts = &job_kind_table[run->job.kind];
    const char *node = run->node.config->node;
    if (bucket == NULL)
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_BUCKET_UNDEFINED,
                           "node '%s' has no bucket %s", node, run->job.bucket);
    if (run->app == NULL && facts->needs_app)
        return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_APP_UNDEFINED, "node '%s' has no app '%s'",
                           node, app_name(run));
    return bucket_check(bucket, facts->writes_bucket, err);
}

static enum status run_stages(struct run *run, const char *passphrase, struct work_key *key,
                              struct error *err)
{
    const struct bucket_definition *bucket = config_find_bucket(run->node.config, run->job.bucket);
    if (bucket == NULL && run->kind->may_lack_bucket)
        return STATUS_OK;
    CLEANUP(limits_freep) struct limits *limits = NULL;
    if (check_needs(run, bucket, err) != STATUS_OK ||
        limits_start(run->config_path, bucket, &limits, err) != STATUS_OK)
        return err->status;
    const struct work work = {
        .bucket = bucket,
        .app_id = run->job.app,
        .passphrase = passphrase,
        .key = key,
        .bandwidth = limits_bandwidth(limits),
        .cancel = &cancel,
        .report = report,
        .context = run,
    };
    return run->kind->run(run, &work, err);
}

static enum status do_job(struct run *run, struct error *err)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    if (make_room(run, err) != STATUS_OK)
        return err->status;
    if (cancel_check(&cancel, err) != STATUS_OK)
        return err->status;
    if (config_repository_passphrase(run->node.config, run->job.app, &passphrase, err) != STATUS_OK)
        return FAIL_IN(err, "passphrase of the repository");
    struct work_key known;
    key_channel_take(run->keys, &known);
    struct work_key key = known;
    enum status status = run_stages(run, secret_text(passphrase), &key, err);
    if (status == STATUS_OK)
        forgive_thaws(run);
    if (memcmp(&key, &known, sizeof(key)) != 0)
        key_channel_give(run->keys, &key);
    explicit_bzero(&key, sizeof(key));
    explicit_bzero(&known, sizeof(known));
    return status;
}

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
        return err->status;
    enum status status = store_job_finish(run->store, &run->job, finish, err);
    if (!announce || status != STATUS_CONFLICT)
        return status;
    /* A Redis that was killed may have lost the end of its log, and with it that the job runs. */
    if (lease_announce_again(run->lease, err) != STATUS_OK)
        return err->status;
    return store_job_finish(run->store, &run->job, finish, err);
}

/* An unreachable Redis is asked again for as long as the claim lasts. Unsure whether an attempt
 * arrived, the next one may be told LOST: then it did, and the claim is over either way. */
static enum status say(struct run *run, const struct store_finish *finish, struct error *err)
{
    int64_t deadline_ms = lease_end_ms(run->lease);
    for (;;) {
        enum status status = say_once(run, finish, err);
        if (!status_is_transient(status) || clock_left_ms(deadline_ms) == 0)
            return status;
        (void)nanosleep(&(struct timespec){.tv_nsec = FINISH_RETRY_MS * 1000000L}, NULL);
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

/* Says how it ended; returns the exit code. */
static int conclude(struct run *run, enum status status, const struct error *cause)
{
    lease_stop(run->lease); /* from here on the connection is ours */
    struct error telling = {0};
    if (run->kind->tell != NULL && run->kind->tell(run, status, cause, &telling) != STATUS_OK) {
        status = telling.status;
        cause = &telling;
    }
    const struct outcome_facts facts = {
        .status = status,
        .canceled = (enum status)atomic_load(&cancel.status),
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
        kind_give_up(&run->node.directories, &run->job);
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

static int exit_before_work(const struct error *err, const char *message)
{
    log_text(LOG_LEVEL_WARNING, message, LOG_TEXT("code", err->reason),
             LOG_TEXT("reason", err->text));
    return err->status == STATUS_LOST ? WORKER_EXIT_LOST : WORKER_EXIT_UNFINISHED;
}

static int run_claim(struct run *run, const char *job, int64_t epoch)
{
    struct error err = {0};
    point_pass("claim");
    run->findings = json_array();
    if (run->findings == NULL)
        return WORKER_EXIT_UNFINISHED;
    if (work_result_init(&run->result, &err) != STATUS_OK ||
        fetch(run, job, epoch, &err) != STATUS_OK)
        return exit_before_work(&err, "claim not taken up");
    job_log_begin(&run->job, app_name(run), run->kind->subject->backup(run->subject));
    if (start_lease(run, &err) != STATUS_OK)
        return exit_before_work(&err, "claim not taken up");
    log_event(LOG_LEVEL_INFO, EVENT_JOB_STARTED, LOG_NUMBER("epoch", epoch));
    enum status status = do_job(run, &err);
    return conclude(run, status, &err);
}

int worker_run_job(const char *config_path, const char *job, int64_t epoch, int keys)
{
    struct error err = {0};
    log_set_context("job", job);
    (void)prctl(PR_SET_NAME, "appbackup-job"); /* it was started as /proc/self/exe */
    if (cancel_init(&cancel, &err) != STATUS_OK || signals_to_cancel(&cancel, &err) != STATUS_OK)
        return exit_before_work(&err, "job process not ready");

    struct run run = {.config_path = config_path, .lock = JOB_LOCK_NONE, .keys = keys};
    if (keys >= 0)
        (void)fcntl(keys, F_SETFD, FD_CLOEXEC); /* no hook inherits it */
    if (node_config_load(config_path, &run.node, &err) != STATUS_OK) {
        log_event(LOG_LEVEL_ERROR, EVENT_CONFIG_REFUSED, LOG_TEXT("code", err.reason),
                  LOG_TEXT("reason", err.text));
        return WORKER_EXIT_CONFIG;
    }
    int code = run_claim(&run, job, epoch);
    run_done(&run);
    return code;
}
