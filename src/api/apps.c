/* apps: what the nodes of the account define; read only here, since an app is a file of its node.
 */
#include "core/cleanup.h"
#include "exchange.h"
#include "model/app.h"
#include "resources.h"
#include "store/calls.h"
#include "store/replies.h"

static const struct operation list_operation = {.type = APP_TYPE,
                                                .role = ROLE_VIEWER,
                                                .is_list = true,
                                                .query = QUERY_INCLUDE | QUERY_LIMIT | QUERY_FILTER,
                                                .failed = PROBLEM_RESOURCES_NOT_LISTED};
static const struct operation get_operation = {
    .type = APP_TYPE, .role = ROLE_VIEWER, .failed = PROBLEM_RESOURCE_NOT_RETRIEVED};

static enum status read_app(const struct exchange *exchange, const redisReply *reply,
                            json_t **ret_json, struct error *err)
{
    (void)exchange;
    struct app app;
    if (store_reply_app(reply, &app, err) != STATUS_OK)
        return err->status;
    return app_to_json(&app, ret_json, err);
}

static enum status on_apps(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    return exchange_rows(exchange, reply, read_app, err);
}

void apps_list(void *context, struct http_request *request)
{
    struct exchange *exchange = exchange_begin_list(context, request, &list_operation);
    if (exchange == NULL)
        return;
    struct store_call call = {.argc = 0};
    store_call_app_list(&call, exchange->account);
    exchange_call(exchange, &call, on_apps);
}

static enum status on_app(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    return exchange_row(exchange, reply, read_app, err);
}

void apps_get(void *context, struct http_request *request)
{
    struct exchange *exchange = exchange_begin(context, request, &get_operation);
    if (exchange == NULL)
        return;
    struct store_call call = {.argc = 0};
    store_call_app_get(&call, exchange->account, exchange_id(exchange));
    exchange_call(exchange, &call, on_app);
}
