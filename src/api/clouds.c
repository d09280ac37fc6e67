/* clouds: one private cloud per account; it exists so that clients which ask for it find it. */
#include "buckets.h"
#include "core/cleanup.h"
#include "exchange.h"
#include "model/node.h"
#include "store/calls.h"

#include <string.h>

static enum status read_cloud(struct exchange *exchange, const redisReply *buckets,
                              json_t **ret_json, struct error *err)
{
    if (buckets_find_default(buckets, exchange->default_bucket, err) != STATUS_OK)
        return error_status(err);
    return cloud_to_json(exchange->account, exchange->default_bucket, ret_json, err);
}

static enum status on_list(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    json_auto_t *row = NULL;
    if (read_cloud(exchange, reply, &row, err) != STATUS_OK ||
        list_add(&exchange->list, row, err) != STATUS_OK)
        return error_status(err);
    return exchange_list(exchange, err);
}

static void start_list(struct exchange *exchange)
{
    struct store_call call = {.argc = 0};
    store_call_bucket_list(&call, exchange->account);
    exchange_call(exchange, &call, on_list);
}

static enum status on_one(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    json_auto_t *json = NULL;
    if (read_cloud(exchange, reply, &json, err) != STATUS_OK)
        return error_status(err);
    return exchange_resource(exchange, json, err);
}

static void start_get(struct exchange *exchange)
{
    char id[ID_SIZE];
    cloud_id(exchange->account, id);
    if (strcmp(exchange_id(exchange), id) != 0) {
        exchange_refuse(exchange, &(struct problem){.number = PROBLEM_COLLECTION_NOT_FOUND});
        return;
    }
    struct store_call call = {.argc = 0};
    store_call_bucket_list(&call, exchange->account);
    exchange_call(exchange, &call, on_one);
}

const struct operation clouds_operations[] = {
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/topology/v1/clouds"},
     .type = CLOUD_TYPE,
     .role = ROLE_VIEWER,
     .is_list = true,
     .query = QUERY_INCLUDE | QUERY_LIMIT | QUERY_FILTER,
     .failed = PROBLEM_RESOURCES_NOT_LISTED,
     .start = start_list},
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/topology/v1/clouds/:id"},
     .type = CLOUD_TYPE,
     .role = ROLE_VIEWER,
     .failed = PROBLEM_RESOURCE_NOT_RETRIEVED,
     .start = start_get},
    OPERATIONS_END,
};
