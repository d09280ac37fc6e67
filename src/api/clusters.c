/* managedClusters: the hosts that run a worker. Each request takes two questions: for the default
 * bucket, and for the nodes. */
#include "buckets.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "exchange.h"
#include "model/node.h"
#include "store/calls.h"
#include "store/replies.h"

#include <string.h>

static enum status node_json(const struct exchange *exchange, const struct node *node,
                             json_t **ret_json, struct error *err)
{
    return node_to_json(node, exchange->account, exchange->default_bucket, clock_wall_ms(),
                        ret_json, err);
}

static enum status read_node(const struct exchange *exchange, const redisReply *reply,
                             json_t **ret_json, struct error *err)
{
    struct node node;
    if (store_reply_node(reply, &node, err) != STATUS_OK)
        return error_status(err);
    return node_json(exchange, &node, ret_json, err);
}

static enum status on_nodes(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    return exchange_rows(exchange, reply, read_node, err);
}

static enum status on_node(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    size_t count = 0;
    if (store_reply_count(reply, &count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        struct node node;
        char id[ID_SIZE];
        if (store_reply_node(reply->element[i], &node, err) != STATUS_OK)
            return error_status(err);
        node_id(node.name, id);
        if (strcmp(id, exchange_id(exchange)) != 0)
            continue;
        json_auto_t *json = NULL;
        if (node_json(exchange, &node, &json, err) != STATUS_OK)
            return error_status(err);
        return exchange_resource(exchange, json, err);
    }
    exchange_refuse(exchange, &(struct problem){.number = PROBLEM_COLLECTION_NOT_FOUND});
    return STATUS_OK;
}

static enum status on_buckets(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    if (buckets_find_default(reply, exchange->default_bucket, err) != STATUS_OK)
        return error_status(err);
    struct store_call call = {.argc = 0};
    store_call_node_list(&call);
    exchange_call(exchange, &call, exchange->operation->is_list ? on_nodes : on_node);
    return STATUS_OK;
}

static void start(struct exchange *exchange)
{
    struct store_call call = {.argc = 0};
    store_call_bucket_list(&call, exchange->account);
    exchange_call(exchange, &call, on_buckets);
}

const struct operation clusters_operations[] = {
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/topology/v1/managedClusters"},
     .type = NODE_TYPE,
     .role = ROLE_VIEWER,
     .is_list = true,
     .query = QUERY_INCLUDE | QUERY_LIMIT | QUERY_FILTER,
     .failed = PROBLEM_RESOURCES_NOT_LISTED,
     .start = start},
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/topology/v1/managedClusters/:id"},
     .type = NODE_TYPE,
     .role = ROLE_VIEWER,
     .failed = PROBLEM_RESOURCE_NOT_RETRIEVED,
     .start = start},
    OPERATIONS_END,
};
