/* appSnaps: there are none on their own yet, so that the list of a known app is empty. */
#include "exchange.h"
#include "model/app.h"
#include "resources.h"
#include "store/calls.h"
#include "store/replies.h"

static const struct operation list_operation = {.type = "application/astra-appSnap",
                                                .role = ROLE_VIEWER,
                                                .is_list = true,
                                                .query = QUERY_INCLUDE | QUERY_LIMIT,
                                                .failed = PROBLEM_RESOURCES_NOT_LISTED};

static enum status on_app(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    struct app app;
    if (store_reply_app(reply, &app, err) != STATUS_OK)
        return err->status;
    return exchange_list(exchange, err);
}

void snapshots_list(void *context, struct http_request *request)
{
    struct exchange *exchange = exchange_begin_list(context, request, &list_operation);
    if (exchange == NULL)
        return;
    struct store_call call = {.argc = 0};
    store_call_app_get(&call, exchange->account, exchange_app(exchange));
    exchange_call(exchange, &call, on_app);
}
