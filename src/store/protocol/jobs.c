#include "store/jobs.h"

#include <stdlib.h>
#include <string.h>

/* The builders' locals: what a call owns goes with its scope. */
#define CALL(name) CLEANUP(store_call_done) struct store_call name = {0}

static enum status run_for_nothing(struct store *store, const struct store_call *call,
                                   struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_nothing(reply, err);
}

static enum status run_for_lease(struct store *store, const struct store_call *call,
                                 enum store_lease *ret_lease, struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_lease(reply, ret_lease, err);
}

static enum status run_for_job(struct store *store, const struct store_call *call,
                               struct job *ret_job, bool *ret_found, struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_job(reply, ret_job, ret_found, err);
}

enum status store_node_register(struct store *store, const char *node, const char *version,
                                const struct store_node_limits *limits, struct error *err)
{
    CALL(call);
    store_call_node_register(&call, node, version, limits);
    return run_for_nothing(store, &call, err);
}

enum status store_node_heartbeat(struct store *store, const char *node, int64_t running,
                                 struct error *err)
{
    CALL(call);
    store_call_node_heartbeat(&call, node, running);
    return run_for_nothing(store, &call, err);
}

enum status store_apps_register(struct store *store, const char *node,
                                const struct app *const *apps, size_t count, struct error *err)
{
    CALL(call);
    if (store_call_apps_register(&call, node, apps, count, err) != STATUS_OK)
        return err->status;
    return run_for_nothing(store, &call, err);
}

enum status store_bucket_register(struct store *store, const struct bucket *bucket,
                                  struct error *err)
{
    CALL(call);
    if (store_call_bucket_register(&call, bucket, err) != STATUS_OK)
        return err->status;
    return run_for_nothing(store, &call, err);
}

/* NOLINTNEXTLINE(readability-function-size): as many as the call has arguments and results */
enum status store_job_claim(struct store *store, const char *node, const char *worker,
                            const struct store_claim_terms *terms, struct job *ret_job,
                            bool *ret_found, struct error *err)
{
    CALL(call);
    store_call_job_claim(&call, node, worker, terms);
    return run_for_job(store, &call, ret_job, ret_found, err);
}

enum status store_job_get(struct store *store, const char *id, struct job *ret_job,
                          struct error *err)
{
    CALL(call);
    store_call_job_get(&call, id);
    bool found = false;
    if (run_for_job(store, &call, ret_job, &found, err) != STATUS_OK)
        return err->status;
    return found ? STATUS_OK : FAIL(err, STATUS_CORRUPT, "redis: no job in the reply");
}

enum status store_backup_get(struct store *store, const char *id, struct backup *ret_backup,
                             struct error *err)
{
    CALL(call);
    store_call_backup_get(&call, NULL, NULL, id);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_backup(reply, ret_backup, err);
}

enum status store_job_renew(struct store *store, const struct job *job, int64_t lease_ms,
                            const struct store_progress *progress, enum store_lease *ret_lease,
                            struct error *err)
{
    CALL(call);
    if (store_call_job_renew(&call, job, lease_ms, progress, err) != STATUS_OK)
        return err->status;
    return run_for_lease(store, &call, ret_lease, err);
}

/* NOLINTNEXTLINE(readability-function-size): as many as the call has arguments and results */
enum status store_job_advance(struct store *store, const struct job *job, enum backup_state state,
                              int64_t lease_ms, const struct store_progress *progress,
                              enum store_lease *ret_lease, struct error *err)
{
    CALL(call);
    if (store_call_job_advance(&call, job, state, lease_ms, progress, err) != STATUS_OK)
        return err->status;
    return run_for_lease(store, &call, ret_lease, err);
}

enum status store_job_finish(struct store *store, const struct job *job,
                             const struct store_finish *finish, struct error *err)
{
    CALL(call);
    if (store_call_job_finish(&call, job, finish->outcome, finish->delay_ms, finish->reason,
                              &finish->progress, err) != STATUS_OK)
        return err->status;
    return run_for_nothing(store, &call, err);
}

static enum status read_verdict(const char *text, enum store_verdict *ret_verdict,
                                struct error *err)
{
    static const char *const names[] = {
        [STORE_VERDICT_NONE] = "none",
        [STORE_VERDICT_RETRY] = "retry",
        [STORE_VERDICT_QUARANTINED] = "quarantined",
        [STORE_VERDICT_CANCELED] = "canceled",
        [STORE_VERDICT_FAILED] = "failed",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        *ret_verdict = (enum store_verdict)i;
        return STATUS_OK;
    }
    return FAIL(err, STATUS_CORRUPT, "redis: '%s' is no verdict on a dead job", text);
}

enum status store_job_died(struct store *store, const struct job *job,
                           const struct store_death *death, enum store_verdict *ret_verdict,
                           struct error *err)
{
    CALL(call);
    store_call_job_died(&call, job, death->evidence, death->kills_max, death->delay_ms);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return err->status;
    const char *text = "";
    if (store_reply_text(reply, &text, err) != STATUS_OK)
        return err->status;
    return read_verdict(text, ret_verdict, err);
}

enum status store_task_get(struct store *store, const char *id, struct task *ret_task,
                           struct error *err)
{
    CALL(call);
    store_call_task_get(&call, NULL, id);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_task(reply, ret_task, err);
}

enum status store_maintenance_queue(struct store *store, const char *node,
                                    const struct store_maintenance *maintenance, struct error *err)
{
    CALL(call);
    store_call_maintenance_queue(&call, node, maintenance);
    return run_for_nothing(store, &call, err);
}

enum status store_verify_report(struct store *store, const struct job *job,
                                const struct store_verdicts *verdicts, struct error *err)
{
    CALL(call);
    if (store_call_verify_report(&call, job, verdicts, err) != STATUS_OK)
        return err->status;
    return run_for_nothing(store, &call, err);
}

enum status store_catalog_report(struct store *store, const struct job *job, const json_t *entries,
                                 int64_t *ret_count, struct error *err)
{
    CALL(call);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    const char *text = NULL;
    if (store_call_catalog_report(&call, job, entries, err) != STATUS_OK ||
        store_run(store, &call, &reply, err) != STATUS_OK ||
        store_reply_text(reply, &text, err) != STATUS_OK)
        return err->status;
    *ret_count = strtoll(text, NULL, 10);
    return STATUS_OK;
}

enum status store_sweep(struct store *store, int64_t kills_max, struct error *err)
{
    CALL(call);
    store_call_sweep(&call, kills_max);
    return run_for_nothing(store, &call, err);
}

enum status store_health(struct store *store, const char *node, struct store_health *ret_health,
                         struct error *err)
{
    CALL(call);
    store_call_health(&call, node);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_health(reply, ret_health, err);
}
