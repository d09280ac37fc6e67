#include "guard.h"

#include <stdint.h>
#include <stdlib.h>

static bool is_within_limits(struct guard *guard)
{
    if (guard->bytes <= GUARD_BYTES_MAX && guard->elements <= GUARD_ELEMENTS_MAX)
        return true;
    guard->why = "a reply is larger than any that was asked for";
    return false;
}

/* A reply begins. */
static void settle_one(struct guard *guard)
{
    if (guard->due > 0 && guard->awaited != SIZE_MAX) {
        guard->due--;
        guard->awaited--;
    }
    guard->bytes = 0;
    guard->elements = 0;
}

/* A part of a reply, or the begin of one. */
static bool admits(const redisReadTask *task, size_t bytes, size_t elements)
{
    struct guard *guard = task->privdata;
    if (task->parent == NULL) {
        if (guard->due == 0 && task->type != REDIS_REPLY_ERROR) {
            guard->why = "a reply came that nobody has asked for";
            return false;
        }
        settle_one(guard);
    }
    guard->bytes += bytes;
    guard->elements += elements;
    return is_within_limits(guard);
}

static const redisReplyObjectFunctions *plain_of(const redisReadTask *task)
{
    const struct guard *guard = task->privdata;
    return guard->plain;
}

/* cppcheck-suppress constParameter; the type is that of hiredis */
static void *create_string(const redisReadTask *task, char *bytes, size_t len)
{
    return admits(task, len, 0) ? plain_of(task)->createString(task, bytes, len) : NULL;
}

static void *create_array(const redisReadTask *task, int elements)
{
    bool good = elements >= 0 && admits(task, 0, (size_t)elements);
    return good ? plain_of(task)->createArray(task, elements) : NULL;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    return admits(task, sizeof(value), 0) ? plain_of(task)->createInteger(task, value) : NULL;
}

static void *create_nil(const redisReadTask *task)
{
    return admits(task, 0, 0) ? plain_of(task)->createNil(task) : NULL;
}

void guard_watch(struct guard *guard, redisReader *reader)
{
    static redisReplyObjectFunctions guarded = {create_string, create_array, create_integer,
                                                create_nil, freeReplyObject};
    *guard = (struct guard){.plain = reader->fn};
    reader->fn = &guarded;
    reader->privdata = guard;
}

void guard_expect(struct guard *guard)
{
    guard->awaited++;
}

void guard_expect_any(struct guard *guard)
{
    guard->awaited = SIZE_MAX;
}

void guard_begin(struct guard *guard)
{
    guard->due = guard->awaited;
}

static size_t unread(const redisReader *reader)
{
    return reader->len - reader->pos;
}

/* hiredis has read the '$' of a text and waits for the rest: what length does it have? */
static long long announced(const redisReader *reader)
{
    bool is_text = reader->ridx >= 0 && reader->rstack[reader->ridx].type == REDIS_REPLY_STRING;
    return is_text && unread(reader) > 0 ? strtoll(reader->buf + reader->pos, NULL, 10) : 0;
}

size_t guard_received(const struct guard *guard, const redisReader *reader)
{
    return (reader->ridx > 0 ? guard->bytes : 0) + unread(reader);
}

bool guard_lets_go_on(struct guard *guard, const redisReader *reader)
{
    size_t received = guard_received(guard, reader);
    long long next = announced(reader);
    if (received <= GUARD_BYTES_MAX && next <= (long long)(GUARD_BYTES_MAX - received))
        return true;
    guard->why = "a reply is larger than any that was asked for";
    return false;
}
