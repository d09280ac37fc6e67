#include "refusal.h"

#include "store/refusals.h"

#include <string.h>

enum status refusal_check(const redisReply *reply, struct error *err)
{
    if (reply == NULL)
        return FAIL(err, STATUS_CORRUPT, "redis: no reply");
    if (reply->type != REDIS_REPLY_ERROR)
        return STATUS_OK;
    size_t len = strcspn(reply->str, " ");
    for (size_t i = 0; i < STORE_REFUSALS; i++) {
        const struct store_refusal *refusal = &store_refusals[i];
        if (strlen(refusal->word) != len || memcmp(refusal->word, reply->str, len) != 0)
            continue;
        const char *text = reply->str[len] == ' ' ? reply->str + len + 1 : reply->str;
        return FAIL_REASON(err, refusal->status, refusal->reason, "%s", text);
    }
    return FAIL_REASON(err, STATUS_INTERNAL, REASON_REDIS_ERROR, "redis: %s", reply->str);
}

bool refusal_is_of_replica(const redisReply *reply)
{
    static const char *const codes[] = {"READONLY ", "MASTERDOWN "};
    if (reply == NULL || reply->type != REDIS_REPLY_ERROR)
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strncmp(reply->str, codes[i], strlen(codes[i])) == 0)
            return true;
    return false;
}
