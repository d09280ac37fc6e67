#include "access/bucket.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/point.h"
#include "key_ring.h"
#include "limits.h"
#include "model/event.h"
#include "run.h"
#include "signals.h"
#include "undo/undo.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

enum { LOCK_PATIENCE_MS = 20000 }; /* for an older process of this job to unwind and go */

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
        return error_status(err);
    if (store_job_get(run->store, job, &run->job, err) != STATUS_OK)
        return error_status(err);
    if (check_claim(&run->job, epoch, err) != STATUS_OK)
        return error_status(err);
    run->kind = kind_of(run->job.kind);
    if (run->kind == NULL)
        return FAIL(err, STATUS_UNSUPPORTED, "job '%s' is of no kind that is known here", job);
    run->app = config_apps_find(run->node.apps, run->job.app);
    return run->kind->subject->fetch(run->store, run->job.subject, &run->subject, err);
}

static enum status start_lease(struct run *run, struct error *err)
{
    const struct lease_options options = {
        .system = run->system,
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
        return error_status(err);
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
    return access_bucket_check_directory(bucket, facts->writes_bucket, err);
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
        return error_status(err);
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
        return error_status(err);
    if (cancel_check(&cancel, err) != STATUS_OK)
        return error_status(err);
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

    struct run run = {.system = &worker_system,
                      .config_path = config_path,
                      .lock = JOB_LOCK_NONE,
                      .cancel = &cancel,
                      .keys = keys};
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
