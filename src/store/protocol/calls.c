#include "store/calls.h"

#include "core/json.h"
#include "store/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Every call begins here: the struct may come uninitialised. */
static void begin_raw(struct store_call *call, const char *command)
{
    call->owned_count = 0;
    call->number_count = 0;
    call->argc = 0;
    call->may_merge = false;
    call->argv[call->argc++] = command;
}

static void begin(struct store_call *call, const char *command, const char *function)
{
    begin_raw(call, command);
    call->argv[call->argc++] = function;
    call->argv[call->argc++] = "0"; /* no keys: the library names them itself */
}

static void begin_write(struct store_call *call, const char *function)
{
    begin(call, "FCALL", function);
}

static void begin_read(struct store_call *call, const char *function)
{
    begin(call, "FCALL_RO", function);
}

/* NULL is an empty text: "any", "none" or "as it is". */
static void add_text(struct store_call *call, const char *text)
{
    assert(call->argc < STORE_ARGUMENTS_MAX);
    call->argv[call->argc++] = text != NULL ? text : "";
}

static void add_number(struct store_call *call, int64_t number)
{
    assert(call->number_count < sizeof(call->numbers) / sizeof(call->numbers[0]));
    char *text = call->numbers[call->number_count++];
    (void)snprintf(text, sizeof(call->numbers[0]), "%" PRId64, number);
    add_text(call, text);
}

/* NULL is an empty array. */
static enum status add_json(struct store_call *call, const json_t *json, struct error *err)
{
    if (json == NULL) {
        add_text(call, "[]");
        return STATUS_OK;
    }
    assert(call->owned_count < sizeof(call->owned) / sizeof(call->owned[0]));
    char *text = json_write(json);
    if (text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "arguments of %s", call->argv[1]);
    call->owned[call->owned_count++] = text;
    add_text(call, text);
    return STATUS_OK;
}

/* The front end */

static void begin_create(struct store_call *call, const struct store_backup_create *create)
{
    if (create->key == NULL) {
        begin_write(call, "appbackup_backup_create");
        call->may_merge = true;
        return;
    }
    begin_write(call, "appbackup_backup_create_once");
    add_text(call, create->key);
    add_text(call, create->fingerprint);
}

enum status store_call_backup_create(struct store_call *call,
                                     const struct store_backup_create *create, struct error *err)
{
    const struct backup_request *request = create->request;
    begin_create(call, create);
    add_text(call, create->id);
    add_text(call, create->job);
    add_text(call, create->account);
    add_text(call, create->app);
    add_text(call, create->created_by);
    add_text(call, request->version);
    add_text(call, request->name);
    add_text(call, request->bucket);
    add_text(call, request->snapshot);
    return add_json(call, request->labels, err);
}

enum status store_backup_wanted(const struct store_backup_create *create, struct backup *ret_backup,
                                struct error *err)
{
    if (backup_from_request(create->request, ret_backup, err) != STATUS_OK)
        return err->status;
    (void)snprintf(ret_backup->id, sizeof(ret_backup->id), "%s", create->id);
    (void)snprintf(ret_backup->account, sizeof(ret_backup->account), "%s", create->account);
    (void)snprintf(ret_backup->app, sizeof(ret_backup->app), "%s", create->app);
    (void)snprintf(ret_backup->created_by, sizeof(ret_backup->created_by), "%s",
                   create->created_by);
    return STATUS_OK;
}

void store_call_backup_get(struct store_call *call, const char *account, const char *app,
                           const char *id)
{
    begin_read(call, "appbackup_backup_get");
    add_text(call, account);
    add_text(call, app);
    add_text(call, id);
}

void store_call_backup_record(struct store_call *call, const char *id)
{
    begin_raw(call, "HGETALL");
    bool fits = key_backup(call->key, sizeof(call->key), id);
    assert(fits);
    add_text(call, call->key);
}

void store_call_backup_wait(struct store_call *call, const char *id)
{
    begin_read(call, "appbackup_backup_wait");
    add_text(call, id);
}

void store_call_backup_list(struct store_call *call, const char *account, const char *app,
                            const char *after, int64_t count)
{
    begin_read(call, "appbackup_backup_list");
    add_text(call, account);
    add_text(call, app);
    add_text(call, after);
    add_number(call, count);
}

void store_call_backup_delete(struct store_call *call, const char *account, const char *app,
                              const char *id, const char *actor)
{
    begin_write(call, "appbackup_backup_delete");
    add_text(call, account);
    add_text(call, app);
    add_text(call, id);
    add_text(call, actor);
}

void store_call_backup_cancel(struct store_call *call, const char *account, const char *app,
                              const char *id, const char *actor, const char *reason)
{
    begin_write(call, "appbackup_backup_cancel");
    add_text(call, account);
    add_text(call, app);
    add_text(call, id);
    add_text(call, actor);
    add_text(call, reason);
}

void store_call_app_list(struct store_call *call, const char *account)
{
    begin_read(call, "appbackup_app_list");
    add_text(call, account);
}

void store_call_app_get(struct store_call *call, const char *account, const char *id)
{
    begin_read(call, "appbackup_app_get");
    add_text(call, account);
    add_text(call, id);
}

void store_call_bucket_list(struct store_call *call, const char *account)
{
    begin_read(call, "appbackup_bucket_list");
    add_text(call, account);
}

void store_call_bucket_get(struct store_call *call, const char *account, const char *id)
{
    begin_read(call, "appbackup_bucket_get");
    add_text(call, account);
    add_text(call, id);
}

void store_call_node_list(struct store_call *call)
{
    begin_read(call, "appbackup_node_list");
}

void store_call_health(struct store_call *call, const char *node)
{
    begin_read(call, "appbackup_health");
    if (node != NULL)
        add_text(call, node);
}

enum status store_call_task_create(struct store_call *call, const struct store_task_create *create,
                                   struct error *err)
{
    begin_write(call, "appbackup_task_create");
    add_text(call, create->id);
    add_text(call, create->job);
    add_text(call, job_kind_name(create->kind));
    add_text(call, create->account);
    add_text(call, create->app);
    add_text(call, create->bucket);
    add_text(call, create->backup);
    add_text(call, create->created_by);
    add_text(call, create->target);
    if (add_json(call, create->includes, err) != STATUS_OK)
        return err->status;
    add_number(call, create->sample);
    return STATUS_OK;
}

void store_call_task_get(struct store_call *call, const char *account, const char *id)
{
    begin_read(call, "appbackup_task_get");
    add_text(call, account);
    add_text(call, id);
}

void store_call_task_list(struct store_call *call, const char *account, const char *app)
{
    begin_read(call, "appbackup_task_list");
    add_text(call, account);
    add_text(call, app);
}

void store_call_task_cancel(struct store_call *call, const char *account, const char *id,
                            const char *actor, const char *reason)
{
    begin_write(call, "appbackup_task_cancel");
    add_text(call, account);
    add_text(call, id);
    add_text(call, actor);
    add_text(call, reason);
}

/* Admins */

static void add_lever(struct store_call *call, const struct store_lever *lever)
{
    add_text(call, lever->actor);
    add_text(call, lever->reason);
}

static void begin_lever(struct store_call *call, const char *function, const char *id,
                        const struct store_lever *lever)
{
    begin_write(call, function);
    add_text(call, id);
    add_lever(call, lever);
}

void store_call_retry(struct store_call *call, const char *id, const struct store_lever *lever)
{
    begin_lever(call, "appbackup_retry", id, lever);
}

void store_call_job_requeue(struct store_call *call, const char *id, bool force,
                            const struct store_lever *lever)
{
    begin_write(call, "appbackup_job_requeue");
    add_text(call, id);
    add_text(call, lever->actor);
    add_number(call, force ? 1 : 0);
    add_text(call, lever->reason);
}

void store_call_quarantine_release(struct store_call *call, const char *id,
                                   const struct store_lever *lever)
{
    begin_lever(call, "appbackup_quarantine_release", id, lever);
}

void store_call_quarantine_drop(struct store_call *call, const char *id,
                                const struct store_lever *lever)
{
    begin_lever(call, "appbackup_quarantine_drop", id, lever);
}

void store_call_pause(struct store_call *call, const char *kind, const char *name,
                      const struct store_lever *lever)
{
    begin_write(call, "appbackup_pause");
    add_text(call, kind);
    add_text(call, name);
    add_lever(call, lever);
}

void store_call_resume(struct store_call *call, const char *kind, const char *name,
                       const struct store_lever *lever)
{
    begin_write(call, "appbackup_resume");
    add_text(call, kind);
    add_text(call, name);
    add_lever(call, lever);
}

void store_call_explain(struct store_call *call, const char *id)
{
    begin_read(call, "appbackup_explain");
    add_text(call, id);
}

void store_call_queue(struct store_call *call, const char *node)
{
    begin_read(call, "appbackup_queue");
    add_text(call, node);
    add_text(call, "json");
}

void store_call_quarantine(struct store_call *call)
{
    begin_read(call, "appbackup_quarantine");
    add_text(call, "json");
}

void store_call_status(struct store_call *call)
{
    begin_read(call, "appbackup_status");
    add_text(call, "json");
}

void store_call_history(struct store_call *call, const char *id, const char *before)
{
    begin_read(call, "appbackup_history");
    add_text(call, id);
    add_text(call, before != NULL ? before : "+");
    add_text(call, "json");
}

/* The worker */

void store_call_node_register(struct store_call *call, const char *node, const char *version,
                              const struct store_node_limits *limits)
{
    begin_write(call, "appbackup_node_register");
    add_text(call, node);
    add_text(call, version);
    add_number(call, limits->slots);
    add_number(call, limits->retries_max);
    if (limits->worker != NULL)
        add_text(call, limits->worker);
}

void store_call_node_heartbeat(struct store_call *call, const char *node, int64_t running)
{
    begin_write(call, "appbackup_node_heartbeat");
    add_text(call, node);
    add_number(call, running);
}

enum status store_call_apps_register(struct store_call *call, const char *node,
                                     const struct app *const *apps, size_t count, struct error *err)
{
    begin_write(call, "appbackup_apps_register");
    add_text(call, node);
    json_auto_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *app = json_pack("{s:s, s:s, s:s, s:s}", "id", apps[i]->id, "account",
                                apps[i]->account, "name", apps[i]->name, "concurrent_backups",
                                apps[i]->refuses_second ? "refuse" : "queue");
        if (json_array_append_new(list, app) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "arguments of %s", call->argv[1]);
    }
    if (list == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "arguments of %s", call->argv[1]);
    return add_json(call, list, err);
}

enum status store_call_bucket_register(struct store_call *call, const struct bucket *bucket,
                                       struct error *err)
{
    begin_write(call, "appbackup_bucket_register");
    add_text(call, bucket->id);
    add_text(call, bucket->account);
    add_text(call, bucket->name);
    add_text(call, bucket_provider_name(bucket->provider));
    add_text(call, bucket->server_url);
    add_text(call, bucket->bucket_name);
    add_text(call, bucket_state_name(bucket->state));
    if (add_json(call, bucket->state_details, err) != STATUS_OK)
        return err->status;
    add_text(call, bucket->is_default ? "1" : "0");
    add_number(call, bucket->jobs_max);
    return STATUS_OK;
}

void store_call_job_claim(struct store_call *call, const char *node, const char *worker,
                          const struct store_claim_terms *terms)
{
    begin_write(call, "appbackup_job_claim");
    add_text(call, node);
    add_text(call, worker);
    add_number(call, terms->lease_ms);
    add_number(call, terms->kills_max);
    add_number(call, terms->timeout_ms);
}

void store_call_job_get(struct store_call *call, const char *id)
{
    begin_read(call, "appbackup_job_get");
    add_text(call, id);
}

/* The claim in whose name a worker writes. */
static void add_claim(struct store_call *call, const struct job *job)
{
    add_text(call, job->id);
    add_number(call, job->epoch);
}

static void add_text_field(struct store_call *call, const char *field, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    add_text(call, field);
    add_text(call, text);
}

static void add_number_field(struct store_call *call, const char *field, int64_t number)
{
    if (number < 0)
        return;
    add_text(call, field);
    add_number(call, number);
}

static enum status add_json_field(struct store_call *call, const char *field, const json_t *json,
                                  struct error *err)
{
    if (json == NULL)
        return STATUS_OK;
    add_text(call, field);
    return add_json(call, json, err);
}

static enum status add_progress(struct store_call *call, const struct store_progress *progress,
                                struct error *err)
{
    if (progress == NULL)
        return STATUS_OK;
    add_text_field(call, "stage", progress->stage);
    add_number_field(call, "bytes_done", progress->bytes_done);
    add_number_field(call, "bytes_total", progress->bytes_total);
    add_number_field(call, "taken_ms", progress->taken_ms);
    add_text_field(call, "snapshot", progress->snapshot);
    add_text_field(call, "repository_snapshot", progress->repository_snapshot);
    add_text_field(call, "hook_state", hook_state_name(progress->hook_state));
    if (add_json_field(call, "hook_state_details", progress->hook_state_details, err) != STATUS_OK)
        return err->status;
    return add_json_field(call, "state_details", progress->state_details, err);
}

enum status store_call_job_renew(struct store_call *call, const struct job *job, int64_t lease_ms,
                                 const struct store_progress *progress, struct error *err)
{
    begin_write(call, "appbackup_job_renew");
    add_claim(call, job);
    add_number(call, lease_ms);
    return add_progress(call, progress, err);
}

enum status store_call_job_advance(struct store_call *call, const struct job *job,
                                   enum backup_state state, int64_t lease_ms,
                                   const struct store_progress *progress, struct error *err)
{
    begin_write(call, "appbackup_job_advance");
    add_claim(call, job);
    add_text(call, backup_state_name(state));
    add_number(call, lease_ms);
    return add_progress(call, progress, err);
}

static const char *outcome_name(enum store_outcome outcome)
{
    switch (outcome) {
    case STORE_OUTCOME_COMPLETED:
        return "completed";
    case STORE_OUTCOME_FAILED:
        return "failed";
    case STORE_OUTCOME_CANCELED:
        return "canceled";
    case STORE_OUTCOME_RETRY:
        return "retry";
    case STORE_OUTCOME_RELEASED:
        return "released";
    }
    return ""; /* the library refuses it */
}

/* NOLINTNEXTLINE(readability-function-size): as many as the call has arguments */
enum status store_call_job_finish(struct store_call *call, const struct job *job,
                                  enum store_outcome outcome, int64_t delay_ms, const char *reason,
                                  const struct store_progress *progress, struct error *err)
{
    begin_write(call, "appbackup_job_finish");
    add_claim(call, job);
    add_text(call, outcome_name(outcome));
    add_number(call, delay_ms);
    add_text(call, reason);
    return add_progress(call, progress, err);
}

void store_call_job_died(struct store_call *call, const struct job *job, const char *evidence,
                         int64_t kills_max, int64_t delay_ms)
{
    begin_write(call, "appbackup_job_died");
    add_claim(call, job);
    add_text(call, evidence);
    add_number(call, kills_max);
    add_number(call, delay_ms);
}

void store_call_maintenance_queue(struct store_call *call, const char *node,
                                  const struct store_maintenance *maintenance)
{
    begin_write(call, "appbackup_maintenance_queue");
    add_text(call, node);
    add_number(call, maintenance->prune_after_deletes);
    add_number(call, maintenance->prune_interval_ms);
    add_number(call, maintenance->verify_interval_ms);
    add_number(call, maintenance->verify_sample);
}

enum status store_call_verify_report(struct store_call *call, const struct job *job,
                                     const struct store_verdicts *verdicts, struct error *err)
{
    begin_write(call, "appbackup_verify_report");
    add_claim(call, job);
    add_text(call, verdicts->complete ? "1" : "0");
    if (add_json(call, verdicts->backups, err) != STATUS_OK)
        return err->status;
    add_text(call, verdicts->is_last ? "1" : "0");
    add_text(call, verdicts->damage);
    return STATUS_OK;
}

enum status store_call_catalog_report(struct store_call *call, const struct job *job,
                                      const json_t *entries, struct error *err)
{
    begin_write(call, "appbackup_catalog_report");
    add_claim(call, job);
    return add_json(call, entries, err);
}

void store_call_sweep(struct store_call *call, int64_t kills_max)
{
    begin_write(call, "appbackup_sweep");
    add_number(call, kills_max);
}
