/* What Redis would send, through the parser of hiredis. */
#ifndef TESTS_SUPPORT_REPLY_H
#define TESTS_SUPPORT_REPLY_H

#include <hiredis/hiredis.h>

#include <stddef.h>

/* bytes: one whole reply of the protocol; ends the test if it is none. Caller frees. */
redisReply *reply_parse(const char *bytes, size_t len);

#endif
