/* apps: what the nodes of the account define. An app is a file of its node; what can be done to it
 * here is to restore it in place. */
#include "core/cleanup.h"
#include "exchange.h"
#include "model/app.h"
#include "model/event.h"
#include "store/calls.h"
#include "store/replies.h"

#include <string.h>

static enum status read_app(const struct exchange *exchange, const redisReply *reply,
                            json_t **ret_json, struct error *err)
{
    (void)exchange;
    struct app app;
    if (store_reply_app(reply, &app, err) != STATUS_OK)
        return error_status(err);
    return app_to_json(&app, ret_json, err);
}

static void ask_list(struct exchange *exchange, struct store_call *call)
{
    store_call_app_list(call, exchange->account);
}

static void ask_one(struct exchange *exchange, struct store_call *call)
{
    store_call_app_get(call, exchange->account, exchange_id(exchange));
}

/* A restore in place throws away what is there: it has to be said twice. */
static bool check_force(const struct exchange *exchange, struct problem *problem)
{
    const char *force = http_request_header(exchange->request, "ForceUpdate");
    if (force == NULL) {
        problem_set(problem, PROBLEM_HEADER_MISSING);
        return false;
    }
    if (strcmp(force, "true") == 0)
        return true;
    problem_add_reason(problem, PROBLEM_HEADERS_INVALID, "ForceUpdate", "expected: true");
    return false;
}

static bool read_restore(const struct exchange *exchange, struct app_restore_request *ret_request,
                         struct problem *problem)
{
    json_auto_t *body = NULL;
    struct error err = {.status = STATUS_OK};
    if (!exchange_body(exchange, &body, problem))
        return false;
    if (app_restore_request_read(body, ret_request, &err) != STATUS_OK) {
        problem_set_body_failure(problem, &err);
        return false;
    }
    if (!check_force(exchange, problem))
        return false;
    if (ret_request->selective)
        problem_set(problem, PROBLEM_RESTORE_SELECTIVE);
    else if (ret_request->snapshot[0] != '\0') /* there are none yet */
        problem_set(problem, PROBLEM_SNAPSHOT_NOT_FOUND);
    return problem->number == PROBLEM_NONE;
}

/* The backup is not what the path is about: one that is unknown is a fault of the body. */
static enum status on_restoring(struct exchange *exchange, const redisReply *reply,
                                struct error *err)
{
    if (store_reply_nothing(reply, err) == STATUS_OK) {
        log_event(LOG_LEVEL_INFO, EVENT_TASK_REQUESTED, LOG_TEXT("kind", "restore"),
                  LOG_TEXT("app", exchange_id(exchange)), LOG_TEXT("account", exchange->account),
                  LOG_TEXT("token", exchange->token),
                  LOG_TEXT("correlation", http_request_correlation_id(exchange->request)));
        exchange_deleted(exchange);
        return STATUS_OK;
    }
    if (!error_is(err, REASON_UNKNOWN_BACKUP))
        return error_status(err);
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    problem_set(&problem, PROBLEM_BACKUP_NOT_FOUND);
    exchange_refuse(exchange, &problem);
    return STATUS_OK;
}

static void send_restore(struct exchange *exchange, const struct app_restore_request *request)
{
    char id[ID_SIZE];
    char job[ID_SIZE];
    id_random(id);
    id_random(job);
    const struct store_task_create create = {.id = id,
                                             .job = job,
                                             .kind = JOB_RESTORE,
                                             .account = exchange->account,
                                             .app = exchange_id(exchange),
                                             .backup = request->backup,
                                             .created_by = exchange->token};
    struct store_call call = {.argc = 0};
    struct error err = {.status = STATUS_OK};
    if (store_call_task_create(&call, &create, &err) != STATUS_OK) {
        store_call_done(&call);
        exchange_fail(exchange, &err);
        return;
    }
    exchange_call(exchange, &call, on_restoring);
}

static void start_restore(struct exchange *exchange)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    struct app_restore_request wanted = {.selective = false};
    if (read_restore(exchange, &wanted, &problem))
        send_restore(exchange, &wanted);
    else
        exchange_refuse(exchange, &problem);
}

const struct operation apps_operations[] = {
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/k8s/v2/apps"},
     .type = APP_TYPE,
     .role = ROLE_VIEWER,
     .is_list = true,
     .query = QUERY_INCLUDE | QUERY_LIMIT | QUERY_FILTER,
     .failed = PROBLEM_RESOURCES_NOT_LISTED,
     .ask = ask_list,
     .row = read_app},
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/k8s/v2/apps/:id"},
     .type = APP_TYPE,
     .role = ROLE_VIEWER,
     .failed = PROBLEM_RESOURCE_NOT_RETRIEVED,
     .ask = ask_one,
     .row = read_app},
    {.method = HTTP_METHOD_PUT,
     .paths = {API_ACCOUNT "/k8s/v2/apps/:id"},
     .type = APP_TYPE,
     .role = ROLE_MEMBER,
     .is_mute = true,
     .failed = PROBLEM_RESOURCE_NOT_UPDATED,
     .unknown = REASON_UNKNOWN_APP,
     .absent = PROBLEM_RESOURCE_NOT_FOUND,
     .start = start_restore},
    OPERATIONS_END,
};
