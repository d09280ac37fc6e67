/*
 * Calls: one builder per function of the library. Texts are borrowed until the call has run; a
 * builder fails only without memory. The reply that each gets is named behind it (store/replies.h).
 */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "core/error.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/bucket.h"
#include "model/job.h"
#include "model/task.h"
#include "store/call.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STORE_LIST_MAX = 1000 }; /* backups in one reply; more are refused: INVALID */

/* For the front end and the admin tool. app NULL = any app of the account (topology view);
 * account NULL = any account (admin tool only). */

struct store_backup_create {
    const char *id;  /* new, random */
    const char *job; /* new, random */
    const char *account;
    const char *app;
    const char *created_by;
    const struct backup_request *request; /* name "" becomes "backup-<UTC time>-<8 digits of id>" */
    /* SHA-256 in hex, of the caller's key and of what is asked for: once is enough for a day. NULL:
     * without a key. */
    const char *key;
    const char *fingerprint;
};

enum status store_call_backup_create(struct store_call *call,
                                     const struct store_backup_create *create, struct error *err)
    MUST_CHECK; /* backup_created; with a key: backup_once */
/* The backup that is asked for, for the reply to be added. Caller: backup_done(). */
enum status store_backup_wanted(const struct store_backup_create *create, struct backup *ret_backup,
                                struct error *err) MUST_CHECK;
void store_call_backup_get(struct store_call *call, const char *account, const char *app,
                           const char *id); /* backup */
/* The record as it is, by HGETALL: of all there is to ask, this is asked most.
 * store_call_backup_get() costs Redis several times as much, and knows besides what a pending one
 * waits for; so does store_call_backup_wait(). */
void store_call_backup_record(struct store_call *call, const char *id); /* backup_record */
void store_call_backup_wait(struct store_call *call, const char *id);   /* text: "" for nothing */
/* One page, oldest first. after: where the page before this one ended, as its reply has said; ""
 * for the first. No backup that lives all the while is passed over or comes twice, whatever is
 * created or deleted between two pages. count: 1-STORE_LIST_MAX. */
void store_call_backup_list(struct store_call *call, const char *account, const char *app,
                            const char *after, int64_t count); /* backup_page */
void store_call_backup_delete(struct store_call *call, const char *account, const char *app,
                              const char *id, const char *actor); /* nothing */
/* It ends "failed" with the canceled detail: at once when it waits, else as soon as its worker has
 * unwound it. reason: for people, NULL for none. */
void store_call_backup_cancel(struct store_call *call, const char *account, const char *app,
                              const char *id, const char *actor, const char *reason); /* backup */
void store_call_app_list(struct store_call *call, const char *account); /* apps, by name */
void store_call_app_get(struct store_call *call, const char *account, const char *id); /* app */
void store_call_bucket_list(struct store_call *call, const char *account); /* buckets, by name */
void store_call_bucket_get(struct store_call *call, const char *account, const char *id);
void store_call_node_list(struct store_call *call); /* nodes, by name */

/* A restore, prune or verify for an app's node to do. */
struct store_task_create {
    const char *id;  /* new, random */
    const char *job; /* new, random */
    enum job_kind kind;
    const char *account;    /* NULL: any (admin tool only) */
    const char *app;        /* NULL for a restore: that of the backup */
    const char *bucket;     /* NULL: the default one; of a restore, where its backup is */
    const char *backup;     /* of a restore */
    const char *created_by; /* for people */
    const char *target;     /* absolute; NULL: in place */
    const json_t *includes; /* array of strings; NULL: all */
    int64_t sample;         /* of a verification: percent of the packs to read */
};

enum status store_call_task_create(struct store_call *call, const struct store_task_create *create,
                                   struct error *err) MUST_CHECK;                       /* task */
void store_call_task_get(struct store_call *call, const char *account, const char *id); /* task */
void store_call_task_list(struct store_call *call, const char *account,
                          const char *app); /* tasks, newest first, at most STORE_LIST_MAX */
/* Waiting: it has failed at once; running: its worker is asked to stop. */
void store_call_task_cancel(struct store_call *call, const char *account, const char *id,
                            const char *actor, const char *reason); /* nothing */
/* health; of what waits, only that of the node counts, if one is given. NULL: of all. */
void store_call_health(struct store_call *call, const char *node);

/* For admins, of any account. Each lever is checked before anything is written, and answers with a
 * sentence; actor and reason (NULL for none) stand in the journal. Reply: text. */

struct store_lever {
    const char *actor;
    const char *reason;
};

/* A failed backup or task becomes pending again. */
void store_call_retry(struct store_call *call, const char *id, const struct store_lever *lever);
/* id: a job's, or that of its backup or task. force: also one whose worker still has its lease. */
void store_call_job_requeue(struct store_call *call, const char *id, bool force,
                            const struct store_lever *lever);
void store_call_quarantine_release(struct store_call *call, const char *id,
                                   const struct store_lever *lever);
void store_call_quarantine_drop(struct store_call *call, const char *id,
                                const struct store_lever *lever);
/* kind: "node", "app" or "bucket"; name: or an id. */
void store_call_pause(struct store_call *call, const char *kind, const char *name,
                      const struct store_lever *lever);
void store_call_resume(struct store_call *call, const char *kind, const char *name,
                       const struct store_lever *lever);

/* Reports. Reply: text, JSON as docs/redis.md has it; of an explanation a list of sentences. */
void store_call_explain(struct store_call *call, const char *id);
void store_call_queue(struct store_call *call, const char *node); /* NULL: all nodes */
void store_call_quarantine(struct store_call *call);
void store_call_status(struct store_call *call);
/* The newest first, a page at a time; before: NULL, or where the page before this one ended. */
void store_call_history(struct store_call *call, const char *id, const char *before);

/* For the worker. A worker's write carries its epoch; a stale one is refused: LOST, "lease_lost".
 */

/* How many jobs it takes at a time, and how often it tries one again: the latter for people. */
struct store_node_limits {
    int64_t slots;
    int64_t retries_max;
    const char *worker; /* as it claims: another one in its place is dead; NULL: not told */
};

void store_call_node_register(struct store_call *call, const char *node, const char *version,
                              const struct store_node_limits *limits); /* nothing */
void store_call_node_heartbeat(struct store_call *call, const char *node, int64_t running);
/* The node has exactly these apps; others that it had before are no longer managed. */
enum status store_call_apps_register(struct store_call *call, const char *node,
                                     const struct app *const *apps, size_t count, struct error *err)
    MUST_CHECK; /* nothing */
enum status store_call_bucket_register(struct store_call *call, const struct bucket *bucket,
                                       struct error *err) MUST_CHECK; /* nothing */

/* How long a claim lives without a renewal, how many kills a job survives, and how long it may take
 * over all its attempts (0: for ever). */
struct store_claim_terms {
    int64_t lease_ms;
    int64_t kills_max;
    int64_t timeout_ms;
};

void store_call_job_claim(struct store_call *call, const char *node, const char *worker,
                          const struct store_claim_terms *terms); /* job, or none */
void store_call_job_get(struct store_call *call, const char *id); /* job */

/* When maintenance is due; 0: never by itself. */
struct store_maintenance {
    int64_t prune_after_deletes;
    int64_t prune_interval_ms; /* at most once in that time */
    int64_t verify_interval_ms;
    int64_t verify_sample; /* percent */
};

/* Queues what is due of a node's repositories. Reply: text, how many. */
void store_call_maintenance_queue(struct store_call *call, const char *node,
                                  const struct store_maintenance *maintenance);

/* What a verification has found: backups: at most STORE_LIST_MAX of {"backup": id, "problem": text,
 * "" for none}. Of a completed one with a problem the state becomes removed; complete: all data was
 * read, so one without a problem is completed again. is_last: damage is what there is to say of the
 * repository, NULL that it is sound. */
struct store_verdicts {
    bool complete;
    bool is_last;
    const json_t *backups;
    const char *damage;
};

enum status store_call_verify_report(struct store_call *call, const struct job *job,
                                     const struct store_verdicts *verdicts, struct error *err)
    MUST_CHECK; /* nothing */

/* What a bucket has of an app: entries as in maintenance/catalog.h, at most STORE_LIST_MAX. Those
 * without a record get one, completed. Reply: text, how many. */
enum status store_call_catalog_report(struct store_call *call, const struct job *job,
                                      const json_t *entries, struct error *err) MUST_CHECK;

/* What a worker knows better than Redis; -1, NULL or unset = unchanged. JSON arrays are borrowed.
 */
struct store_progress {
    const char *stage;
    int64_t bytes_done;  /* never lowers what is stored */
    int64_t bytes_total; /* never set below bytes_done */
    int64_t taken_ms;
    const char *snapshot;            /* id */
    const char *repository_snapshot; /* 64 hex digits */
    enum hook_state hook_state;
    const json_t *hook_state_details;
    const json_t *state_details;
};

/* STORE_PROGRESS_NONE: nothing changes. */
#define STORE_PROGRESS_NONE \
    ((struct store_progress){.bytes_done = -1, .bytes_total = -1, .taken_ms = -1})

/* Extends the lease and reports. Reply: lease (ok, cancel, late; a lost one is an error, LOST). */
enum status store_call_job_renew(struct store_call *call, const struct job *job, int64_t lease_ms,
                                 const struct store_progress *progress, struct error *err)
    MUST_CHECK;
/* The backup enters a state: BACKUP_DISCOVERING or BACKUP_RUNNING. Extends the lease. Reply: lease.
 */
enum status store_call_job_advance(struct store_call *call, const struct job *job,
                                   enum backup_state state, int64_t lease_ms,
                                   const struct store_progress *progress, struct error *err)
    MUST_CHECK;

enum store_outcome {
    STORE_OUTCOME_COMPLETED, /* backup: completed, bytes_done = bytes_total. delete: the record goes
                              */
    STORE_OUTCOME_FAILED,    /* for good. delete: the backup turns failed, to be deleted again */
    STORE_OUTCOME_CANCELED,  /* backup: failed with the canceled detail; or gone if being deleted */
    STORE_OUTCOME_RETRY,   /* transient: delayed by delay_ms, then queued again; backup: pending */
    STORE_OUTCOME_RELEASED /* handed back through no fault of the job: queued again after delay_ms
                            */
};

/* The last write of a claim. reason: for people, kept in the job and the journal.
 * A backup that is being deleted while it completes gets a delete job here. */
enum status store_call_job_finish(struct store_call *call, const struct job *job,
                                  enum store_outcome outcome, int64_t delay_ms, const char *reason,
                                  const struct store_progress *progress, struct error *err)
    MUST_CHECK; /* nothing */

/* The process of a claim has died without finishing it. kills grows; up to kills_max it is queued
 * again after delay_ms, then quarantined (backup: failed). A claim that was finished, or is
 * another's by now, is left alone. Reply: text: "retry", "quarantined", "canceled", "failed",
 * "none". */
void store_call_job_died(struct store_call *call, const struct job *job, const char *evidence,
                         int64_t kills_max, int64_t delay_ms);

/* Queue what is due: delayed jobs, and claims whose lease has ended (they count as kills). */
void store_call_sweep(struct store_call *call, int64_t kills_max); /* nothing */

#endif
