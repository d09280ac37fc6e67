/* appSnaps: there are none on their own yet, so that the list of a known app is empty. */
#include "exchange.h"
#include "model/app.h"
#include "store/calls.h"
#include "store/replies.h"

static enum status on_app(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    struct app app;
    if (store_reply_app(reply, &app, err) != STATUS_OK)
        return error_status(err);
    return exchange_list(exchange, err);
}

static void start_list(struct exchange *exchange)
{
    struct store_call call = {.argc = 0};
    store_call_app_get(&call, exchange->account, exchange_app(exchange));
    exchange_call(exchange, &call, on_app);
}

const struct operation snapshots_operations[] = {
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/k8s/v1/apps/:app/appSnaps"},
     .type = "application/astra-appSnap",
     .role = ROLE_VIEWER,
     .is_list = true,
     .query = QUERY_INCLUDE | QUERY_LIMIT,
     .failed = PROBLEM_RESOURCES_NOT_LISTED,
     .start = start_list},
    OPERATIONS_END,
};
