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

static enum status read_app(const redisReply *reply, json_t **ret_json, struct error *err)
{
    struct app app;
    if (store_reply_app(reply, &app, err) != STATUS_OK)
        return err->status;
    return app_to_json(&app, ret_json, err);
}

static enum status on_apps(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    size_t count = 0;
    if (store_reply_count(reply, &count, err) != STATUS_OK)
        return err->status;
    for (size_t i = 0; i < count; i++) {
        json_auto_t *row = NULL;
        if (read_app(reply->element[i], &row, err) != STATUS_OK ||
            list_add(&exchange->list, row, err) != STATUS_OK)
            return err->status;
    }
    return exchange_list(exchange, err);
}

void apps_list(void *context, struct http_request *request)
{
    struct exchange *exchange = exchange_begin(context, request, &list_operation);
    if (exchange == NULL)
        return;
    list_init(&exchange->list, &exchange->query);
    struct store_call call = {.argc = 0};
    store_call_app_list(&call, exchange->account);
    exchange_call(exchange, &call, on_apps);
}

static enum status on_app(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    json_auto_t *json = NULL;
    if (read_app(reply, &json, err) != STATUS_OK)
        return err->status;
    return exchange_resource(exchange, json, err);
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
