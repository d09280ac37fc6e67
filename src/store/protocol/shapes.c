#include "shapes.h"

#include "refusal.h"

#include <string.h>

enum status reply_wrong_shape(const redisReply *reply, const char *expected, struct error *err)
{
    return FAIL(err, STATUS_CORRUPT, "redis: a reply of type %d where %s was expected", reply->type,
                expected);
}

/* A NUL inside would cut the text without anybody noticing. */
static bool is_text(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
           strlen(reply->str) == (size_t)reply->len;
}

enum status reply_text(const redisReply *reply, const char **ret_text, struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (!is_text(reply))
        return reply_wrong_shape(reply, "a text", err);
    *ret_text = reply->str;
    return STATUS_OK;
}

enum status reply_record(const redisReply *reply, reply_set_field_fn *set_field, void *record,
                         struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 || reply->elements % 2 != 0)
        return reply_wrong_shape(reply, "a record", err);
    for (size_t i = 0; i < reply->elements; i += 2) {
        const redisReply *field = reply->element[i];
        const redisReply *value = reply->element[i + 1];
        if (!is_text(field) || !is_text(value))
            return reply_wrong_shape(value, "a record of texts", err);
        if (set_field(record, field->str, value->str, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status reply_require(const char *id, const char *noun, struct error *err)
{
    return id[0] != '\0' ? STATUS_OK : FAIL(err, STATUS_CORRUPT, "redis: %s without an id", noun);
}

enum status reply_word(const redisReply *reply, const char *const *words, size_t count,
                       size_t *ret_found, struct error *err)
{
    const char *text = "";
    if (reply_text(reply, &text, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) != 0)
            continue;
        *ret_found = i;
        return STATUS_OK;
    }
    return FAIL(err, STATUS_CORRUPT, "redis: '%s' is not one of the answers to this call", text);
}
