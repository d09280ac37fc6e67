/*
 * Jobs for a worker: the blocking calls of store/calls.h, one function each.
 *
 * Errors    as store/store.h; LOST: the claim is another's.
 */
#ifndef STORE_JOBS_H
#define STORE_JOBS_H

#include "store/calls.h"
#include "store/replies.h"
#include "store/store.h"

#include <stdbool.h>

enum status store_node_register(struct store *store, const char *node, const char *version,
                                const struct store_node_limits *limits, struct error *err)
    MUST_CHECK;
enum status store_node_heartbeat(struct store *store, const char *node, int64_t running,
                                 struct error *err) MUST_CHECK;
enum status store_apps_register(struct store *store, const char *node,
                                const struct app *const *apps, size_t count, struct error *err)
    MUST_CHECK;
enum status store_bucket_register(struct store *store, const struct bucket *bucket,
                                  struct error *err) MUST_CHECK;
enum status store_job_claim(struct store *store, const char *node, const char *worker,
                            const struct store_claim_terms *terms, struct job *ret_job,
                            bool *ret_found, struct error *err) MUST_CHECK;
enum status store_job_get(struct store *store, const char *id, struct job *ret_job,
                          struct error *err) MUST_CHECK;
enum status store_backup_get(struct store *store, const char *id, struct backup *ret_backup,
                             struct error *err) MUST_CHECK;
enum status store_job_renew(struct store *store, const struct job *job, int64_t lease_ms,
                            const struct store_progress *progress, enum store_lease *ret_lease,
                            struct error *err) MUST_CHECK;
enum status store_job_advance(struct store *store, const struct job *job, enum backup_state state,
                              int64_t lease_ms, const struct store_progress *progress,
                              enum store_lease *ret_lease, struct error *err) MUST_CHECK;

struct store_finish {
    enum store_outcome outcome;
    int64_t delay_ms; /* STORE_OUTCOME_RETRY, STORE_OUTCOME_RELEASED */
    const char *reason;
    struct store_progress progress;
};

enum status store_job_finish(struct store *store, const struct job *job,
                             const struct store_finish *finish, struct error *err) MUST_CHECK;

struct store_death {
    const char *evidence; /* "killed by signal 9 in stage upload; last output: ..." */
    int64_t kills_max;
    int64_t delay_ms;
};

enum store_verdict {
    STORE_VERDICT_NONE,
    STORE_VERDICT_RETRY,
    STORE_VERDICT_QUARANTINED,
    STORE_VERDICT_CANCELED, /* as somebody had asked for */
    STORE_VERDICT_FAILED    /* it is beyond its deadline */
};

enum status store_job_died(struct store *store, const struct job *job,
                           const struct store_death *death, enum store_verdict *ret_verdict,
                           struct error *err) MUST_CHECK;
enum status store_task_get(struct store *store, const char *id, struct task *ret_task,
                           struct error *err) MUST_CHECK;
enum status store_maintenance_queue(struct store *store, const char *node,
                                    const struct store_maintenance *maintenance, struct error *err)
    MUST_CHECK;
enum status store_verify_report(struct store *store, const struct job *job,
                                const struct store_verdicts *verdicts, struct error *err)
    MUST_CHECK;
/* *ret_count: how many records were missing. */
enum status store_catalog_report(struct store *store, const struct job *job, const json_t *entries,
                                 int64_t *ret_count, struct error *err) MUST_CHECK;
/* node: see store_call_health(). */
enum status store_health(struct store *store, const char *node, struct store_health *ret_health,
                         struct error *err) MUST_CHECK;
enum status store_sweep(struct store *store, int64_t kills_max, struct error *err) MUST_CHECK;

#endif
