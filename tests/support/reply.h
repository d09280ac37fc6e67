/* What Redis would send, through the parser of hiredis. */
#ifndef TESTS_SUPPORT_REPLY_H
#define TESTS_SUPPORT_REPLY_H

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>

/* bytes: one whole reply of the protocol; ends the test if it is none. Caller frees. */
static inline redisReply *reply_parse(const char *bytes, size_t len)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    cr_assert(redisReaderFeed(reader, bytes, len) == REDIS_OK);
    cr_assert(redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL);
    redisReaderFree(reader);
    return reply;
}

#endif
