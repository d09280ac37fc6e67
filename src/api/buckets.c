/* buckets: from the configuration of the nodes; read only, and never with a credential. */
#include "buckets.h"

#include "core/cleanup.h"
#include "exchange.h"
#include "model/bucket.h"
#include "store/calls.h"
#include "store/replies.h"

#include <string.h>

static enum status read_bucket(const struct exchange *exchange, const redisReply *reply,
                               json_t **ret_json, struct error *err)
{
    (void)exchange;
    CLEANUP(bucket_done) struct bucket bucket = {.state = BUCKET_STATE_UNSET};
    if (store_reply_bucket(reply, &bucket, err) != STATUS_OK)
        return error_status(err);
    return bucket_to_json(&bucket, ret_json, err);
}

enum status buckets_find_default(const redisReply *reply, char ret_id[ID_SIZE], struct error *err)
{
    size_t count = 0;
    if (store_reply_count(reply, &count, err) != STATUS_OK)
        return error_status(err);
    char own[ID_SIZE] = "";
    char shared[ID_SIZE] = "";
    for (size_t i = 0; i < count; i++) {
        CLEANUP(bucket_done) struct bucket bucket = {.state = BUCKET_STATE_UNSET};
        if (store_reply_bucket(reply->element[i], &bucket, err) != STATUS_OK)
            return error_status(err);
        if (bucket.is_default)
            memcpy(bucket.account[0] == '\0' ? shared : own, bucket.id, ID_SIZE);
    }
    memcpy(ret_id, own[0] == '\0' ? shared : own, ID_SIZE);
    return STATUS_OK;
}

static void ask_list(struct exchange *exchange, struct store_call *call)
{
    store_call_bucket_list(call, exchange->account);
}

static void ask_one(struct exchange *exchange, struct store_call *call)
{
    store_call_bucket_get(call, exchange->account, exchange_id(exchange));
}

const struct operation buckets_operations[] = {
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/topology/v1/buckets"},
     .type = BUCKET_TYPE,
     .role = ROLE_VIEWER,
     .is_list = true,
     .failed = PROBLEM_RESOURCES_NOT_LISTED,
     .ask = ask_list,
     .row = read_bucket},
    {.method = HTTP_METHOD_GET,
     .paths = {API_ACCOUNT "/topology/v1/buckets/:id"},
     .type = BUCKET_TYPE,
     .role = ROLE_VIEWER,
     .failed = PROBLEM_RESOURCE_NOT_RETRIEVED,
     .unknown = REASON_UNKNOWN_BUCKET,
     .absent = PROBLEM_COLLECTION_NOT_FOUND,
     .ask = ask_one,
     .row = read_bucket},
    OPERATIONS_END,
};
