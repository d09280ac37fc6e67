/* appBackups: of one app (k8s/v1/apps/{app}/appBackups) and of the whole account (topology/v1). */
#include "core/cleanup.h"
#include "exchange.h"
#include "idempotency_key.h"
#include "model/backup.h"
#include "model/event.h"
#include "respond.h"
#include "store/calls.h"
#include "store/replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_ROWS = 500 }; /* so that Redis serves others between two pages of a long list */

/* The record of a reply as the API's resource. Caller owns *ret_json. */
static enum status read_backup(const struct exchange *exchange, const redisReply *reply,
                               json_t **ret_json, struct error *err)
{
    (void)exchange;
    CLEANUP(backup_done) struct backup backup = {.state = BACKUP_STATE_UNSET};
    if (store_reply_backup(reply, &backup, err) != STATUS_OK)
        return error_status(err);
    return backup_to_json(&backup, ret_json, err);
}

static void release_backup(void *record)
{
    backup_done(record);
    free(record);
}

static enum status answer_created(struct exchange *exchange, struct error *err)
{
    const struct backup *backup = exchange->record;
    json_auto_t *json = NULL;
    if (backup_to_json(backup, &json, err) != STATUS_OK)
        return error_status(err);
    if (!exchange->is_repetition)
        exchange_log(exchange, EVENT_BACKUP_REQUESTED, "backup", backup->id);
    char path[RESPOND_LOCATION_SIZE - RESPOND_HOST_MAX - 8];
    (void)snprintf(path, sizeof(path), "/accounts/%s/k8s/v1/apps/%s/appBackups/%s",
                   exchange->account, backup->app, backup->id);
    return exchange_created(exchange, json, path, err);
}

static enum status on_created(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    if (store_reply_backup_created(reply, exchange->record, err) != STATUS_OK)
        return error_status(err);
    return answer_created(exchange, err);
}

static enum status on_created_once(struct exchange *exchange, const redisReply *reply,
                                   struct error *err)
{
    if (store_reply_backup_once(reply, exchange->record, &exchange->is_repetition, err) !=
        STATUS_OK)
        return error_status(err);
    return answer_created(exchange, err);
}

static bool read_fingerprint(const struct exchange *exchange, const struct backup_request *request,
                             struct idempotency_key *key, struct problem *problem)
{
    if (key->digest[0] == '\0')
        return true;
    CLEANUP(freep) char *canonical = backup_request_canonical(request);
    return idempotency_key_read_request(exchange, canonical, key, problem);
}

static bool read_body(const struct exchange *exchange, struct backup_request *ret_request,
                      struct problem *problem)
{
    json_auto_t *body = NULL;
    struct error err = {.status = STATUS_OK};
    if (!exchange_body(exchange, &body, problem))
        return false;
    if (backup_request_read(body, ret_request, &err) == STATUS_OK)
        return true;
    problem_set_body_failure(problem, &err);
    return false;
}

/* A backup of zeros that goes with the exchange. NULL: there is no memory. */
static struct backup *keep_backup(struct exchange *exchange, struct error *err)
{
    struct backup *backup = calloc(1, sizeof(*backup));
    if (backup == NULL)
        (void)FAIL(err, STATUS_NO_MEMORY, "backup");
    else
        exchange_keep(exchange, backup, release_backup);
    return backup;
}

/* Keeps what is known of it now; the reply adds the rest. */
static enum status keep_wanted(struct exchange *exchange, const struct store_backup_create *create,
                               struct error *err)
{
    struct backup *backup = keep_backup(exchange, err);
    return backup == NULL ? error_status(err) : store_backup_wanted(create, backup, err);
}

static void send_create(struct exchange *exchange, const struct backup_request *request,
                        const struct idempotency_key *key)
{
    bool has_key = key->digest[0] != '\0';
    char id[ID_SIZE];
    char job[ID_SIZE];
    id_random(id);
    id_random(job);
    const struct store_backup_create create = {.id = id,
                                               .job = job,
                                               .account = exchange->account,
                                               .app = exchange_app(exchange),
                                               .created_by = exchange->token,
                                               .request = request};
    struct store_call call = {.argc = 0};
    struct error err = {.status = STATUS_OK};
    enum status status = keep_wanted(exchange, &create, &err);
    if (status == STATUS_OK) {
        status = has_key ? store_call_backup_create_once(&call, key->digest, key->fingerprint,
                                                         &create, &err)
                         : store_call_backup_create(&call, &create, &err);
    }
    if (status != STATUS_OK) {
        store_call_done(&call);
        exchange_fail(exchange, &err);
        return;
    }
    exchange_call(exchange, &call, has_key ? on_created_once : on_created);
}

static void start_create(struct exchange *exchange)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    CLEANUP(backup_request_done) struct backup_request wanted = {.labels = NULL};
    struct idempotency_key key;
    if (idempotency_key_read(exchange, &key, &problem) && read_body(exchange, &wanted, &problem) &&
        read_fingerprint(exchange, &wanted, &key, &problem))
        send_create(exchange, &wanted, &key);
    else
        exchange_refuse(exchange, &problem);
}

static enum status on_page(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    struct store_backup_page page;
    if (store_reply_backup_page(reply, &page, err) != STATUS_OK)
        return error_status(err);
    return exchange_page(exchange, page.backups, page.next, read_backup, err);
}

static void start_list(struct exchange *exchange)
{
    struct store_call call = {.argc = 0};
    store_call_backup_list(&call, exchange->account, exchange_app(exchange), exchange->after,
                           PAGE_ROWS);
    exchange_call(exchange, &call, on_page);
}

static enum status answer_backup(struct exchange *exchange, const struct backup *backup,
                                 struct error *err)
{
    json_auto_t *json = NULL;
    if (backup_to_json(backup, &json, err) != STATUS_OK)
        return error_status(err);
    return exchange_resource(exchange, json, err);
}

static enum status on_wait(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    const char *reason = NULL;
    if (store_reply_text(reply, &reason, err) != STATUS_OK)
        return error_status(err);
    const struct backup *backup = exchange->record;
    json_t *unready = backup->state_unready;
    if (*reason != '\0' && json_array_append_new(unready, json_string(reason)) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "what a backup waits for");
    return answer_backup(exchange, backup, err);
}

/* Asks what a waiting backup waits for: that is true only now, and its record does not say it. */
static enum status ask_wait(struct exchange *exchange, struct backup *backup, struct error *err)
{
    struct backup *kept = keep_backup(exchange, err);
    if (kept == NULL)
        return error_status(err);
    *kept = *backup;
    *backup = (struct backup){.state = BACKUP_STATE_UNSET}; /* its arrays have gone along */
    struct store_call call = {.argc = 0};
    store_call_backup_wait(&call, kept->id);
    exchange_call(exchange, &call, on_wait);
    return STATUS_OK;
}

static enum status on_record(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    CLEANUP(backup_done) struct backup backup = {.state = BACKUP_STATE_UNSET};
    if (store_reply_backup_record(reply, exchange->account, exchange_app(exchange), &backup, err) !=
        STATUS_OK)
        return error_status(err);
    if (backup.state == BACKUP_PENDING)
        return ask_wait(exchange, &backup, err);
    return answer_backup(exchange, &backup, err);
}

static void start_get(struct exchange *exchange)
{
    if (exchange_join(exchange))
        return;
    struct store_call call = {.argc = 0};
    store_call_backup_record(&call, exchange_id(exchange));
    exchange_call(exchange, &call, on_record);
}

static enum status on_deleted(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    if (store_reply_nothing(reply, err) != STATUS_OK)
        return error_status(err);
    exchange_log(exchange, EVENT_BACKUP_DELETE_REQUESTED, "backup", exchange_id(exchange));
    exchange_deleted(exchange);
    return STATUS_OK;
}

static void start_delete(struct exchange *exchange)
{
    struct store_call call = {.argc = 0};
    store_call_backup_delete(&call, exchange->account, exchange_app(exchange),
                             exchange_id(exchange), exchange->token);
    exchange_call(exchange, &call, on_deleted);
}

static enum status on_canceled(struct exchange *exchange, const redisReply *reply,
                               struct error *err)
{
    json_auto_t *json = NULL;
    if (read_backup(exchange, reply, &json, err) != STATUS_OK)
        return error_status(err);
    exchange_log(exchange, EVENT_BACKUP_CANCEL_REQUESTED, "backup", exchange_id(exchange));
    return exchange_accepted(exchange, json, err);
}

static bool read_cancel(const struct exchange *exchange, struct backup_cancel_request *ret_request,
                        struct problem *problem)
{
    json_auto_t *body = NULL;
    struct error err = {.status = STATUS_OK};
    if (!exchange_has_body(exchange))
        return true;
    if (!exchange_body(exchange, &body, problem))
        return false;
    if (backup_cancel_request_read(body, ret_request, &err) == STATUS_OK)
        return true;
    problem_set_body_failure(problem, &err);
    return false;
}

static void start_cancel(struct exchange *exchange)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    struct backup_cancel_request wanted = {.reason = ""};
    if (!read_cancel(exchange, &wanted, &problem)) {
        exchange_refuse(exchange, &problem);
        return;
    }
    struct store_call call = {.argc = 0};
    store_call_backup_cancel(&call, exchange->account, exchange_app(exchange),
                             exchange_id(exchange), exchange->token, wanted.reason);
    exchange_call(exchange, &call, on_canceled);
}

#define OF_APP     API_ACCOUNT "/k8s/v1/apps/:app/appBackups"
#define OF_ACCOUNT API_ACCOUNT "/topology/v1/appBackups"

const struct operation backups_operations[] = {
    {.method = HTTP_METHOD_GET,
     .paths = {OF_APP "/:id", OF_ACCOUNT "/:id"},
     .type = BACKUP_TYPE,
     .role = ROLE_VIEWER,
     .failed = PROBLEM_BACKUP_NOT_RETRIEVED,
     .start = start_get},
    {.method = HTTP_METHOD_POST,
     .paths = {OF_APP},
     .type = BACKUP_TYPE,
     .role = ROLE_MEMBER,
     .failed = PROBLEM_BACKUP_NOT_CREATED,
     .start = start_create},
    {.method = HTTP_METHOD_GET,
     .paths = {OF_APP, OF_ACCOUNT},
     .type = BACKUP_TYPE,
     .role = ROLE_VIEWER,
     .is_list = true,
     .query = QUERY_INCLUDE | QUERY_LIMIT,
     .failed = PROBLEM_BACKUPS_NOT_LISTED,
     .start = start_list},
    {.method = HTTP_METHOD_DELETE,
     .paths = {OF_APP "/:id", OF_ACCOUNT "/:id"},
     .type = BACKUP_TYPE,
     .role = ROLE_MEMBER,
     .is_mute = true,
     .failed = PROBLEM_BACKUP_NOT_DELETED,
     .unknown = REASON_UNKNOWN_BACKUP,
     .absent = PROBLEM_RESOURCE_NOT_FOUND,
     .start = start_delete},
    {.method = HTTP_METHOD_POST,
     .paths = {OF_APP "/:id/cancel", OF_ACCOUNT "/:id/cancel"},
     .type = BACKUP_TYPE,
     .role = ROLE_MEMBER,
     .failed = PROBLEM_RESOURCE_NOT_UPDATED,
     .unknown = REASON_UNKNOWN_BACKUP,
     .absent = PROBLEM_RESOURCE_NOT_FOUND,
     .start = start_cancel},
    OPERATIONS_END,
};
