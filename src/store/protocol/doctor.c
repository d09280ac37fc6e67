#include "store/doctor.h"

#include "refusal.h"

#include <stdlib.h>
#include <string.h>

enum { FINDING_FIELDS = 6, PART_FIELDS = 7 };

static enum status wrong_shape(struct error *err)
{
    return FAIL(err, STATUS_CORRUPT, "redis: a reply of the doctor's that has another shape");
}

static bool is_array(const redisReply *reply, size_t elements)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

static bool are_strings(const redisReply *array, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        if (array->element[i]->type != REDIS_REPLY_STRING)
            return false;
    return true;
}

static struct store_bytes bytes_of(const redisReply *reply)
{
    return (struct store_bytes){.bytes = reply->str, .len = (size_t)reply->len};
}

enum status store_reply_page(const redisReply *reply, struct store_page *ret_page,
                             struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (!is_array(reply, 3) || reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_ARRAY ||
        reply->element[2]->type != REDIS_REPLY_ARRAY ||
        reply->element[1]->elements % FINDING_FIELDS != 0)
        return wrong_shape(err);
    *ret_page = (struct store_page){
        .cursor = reply->element[0]->str,
        .findings = reply->element[1],
        .large = reply->element[2],
        .finding_count = reply->element[1]->elements / FINDING_FIELDS,
        .large_count = reply->element[2]->elements,
    };
    return are_strings(ret_page->large, 0, ret_page->large_count) ? STATUS_OK : wrong_shape(err);
}

enum status store_page_finding(const struct store_page *page, size_t index,
                               struct store_finding *ret_finding, struct error *err)
{
    size_t first = index * FINDING_FIELDS;
    if (!are_strings(page->findings, first, FINDING_FIELDS))
        return wrong_shape(err);
    redisReply *const *fields = page->findings->element + first;
    *ret_finding = (struct store_finding){
        .place = {.key = bytes_of(fields[0]), .member = bytes_of(fields[1])},
        .rank = strtoll(fields[2]->str, NULL, 10),
        .what = fields[3]->str,
        .todo = fields[4]->str,
        .catalog = fields[5]->str,
    };
    return STATUS_OK;
}

struct store_bytes store_page_large(const struct store_page *page, size_t index)
{
    return bytes_of(page->large->element[index]);
}

enum status store_reply_plan(const redisReply *reply, struct store_plan *ret_plan,
                             struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (!is_array(reply, 3) || !are_strings(reply, 0, 2) ||
        reply->element[2]->type != REDIS_REPLY_ARRAY)
        return wrong_shape(err);
    *ret_plan = (struct store_plan){
        .now_ms = strtoll(reply->element[0]->str, NULL, 10),
        .token = reply->element[1]->str,
        .parts = reply->element[2],
        .part_count = reply->element[2]->elements,
    };
    return STATUS_OK;
}

enum status store_plan_part(const struct store_plan *plan, size_t index,
                            struct store_part *ret_part, struct error *err)
{
    const redisReply *part = plan->parts->element[index];
    if (!is_array(part, PART_FIELDS) || !are_strings(part, 0, PART_FIELDS))
        return wrong_shape(err);
    *ret_part = (struct store_part){
        .kind = part->element[0]->str,
        .place = {.key = bytes_of(part->element[1]), .member = bytes_of(part->element[2])},
        .existed = strcmp(part->element[3]->str, "1") == 0,
        .content = bytes_of(part->element[4]),
        .expires_ms = strtoll(part->element[5]->str, NULL, 10),
        .digest = part->element[6]->str,
    };
    return STATUS_OK;
}

enum status store_reply_traces(const redisReply *reply, size_t count, struct error *err)
{
    if (refusal_check(reply, err) != STATUS_OK)
        return error_status(err);
    if (!is_array(reply, count))
        return wrong_shape(err);
    for (size_t i = 0; i < count; i++)
        if (!is_array(reply->element[i], 2) || !are_strings(reply->element[i], 0, 2))
            return wrong_shape(err);
    return STATUS_OK;
}

struct store_trace store_trace_of(const redisReply *reply, size_t index)
{
    const redisReply *trace = reply->element[index];
    return (struct store_trace){.exists = strcmp(trace->element[0]->str, "1") == 0,
                                .digest = trace->element[1]->str};
}
