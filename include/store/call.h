/*
 * Call: one command for Redis, and the reply to it. It is made by store/calls.h or store/doctor.h,
 * goes over the connection of store/store.h or of store/async.h, and its reply is read by
 * store/replies.h.
 *
 * Ownership Arguments are borrowed from the caller or lie in the struct: it is not copied, and what
 *           it owns goes with store_call_done().
 */
#ifndef STORE_CALL_H
#define STORE_CALL_H

#include "core/cleanup.h"
#include "core/error.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stddef.h>

enum { STORE_ARGUMENTS_MAX = 64, STORE_BYTES_MAX = 8 };

/* One command. Its arguments are borrowed from the caller or lie in the struct: do not copy it.
 * Lengths count over the blocking connection only. */
struct store_call {
    const char *argv[STORE_ARGUMENTS_MAX];
    size_t lengths[STORE_BYTES_MAX]; /* of those first arguments that may hold a NUL; 0: a text */
    size_t argc;
    char key[64]; /* of a record that is read without the library */
    char numbers[16][24];
    size_t number_count;
    char *owned[4]; /* JSON texts made for this call */
    size_t owned_count;
    bool may_merge; /* several of them may go to Redis as one: store/async.h */
};

void store_call_done(struct store_call *call); /* frees what is owned; all zeros is fine */

/* Exactly one of reply and err is not NULL; both are borrowed for the duration of the callback. An
 * error *reply* comes as a reply: the decoder turns it into an error. */
typedef void store_reply_fn(void *context, const redisReply *reply, const struct error *err);

/* reply_free(): for CLEANUP(reply_freep). */
static inline void reply_free(redisReply *reply)
{
    freeReplyObject(reply);
}
DEFINE_CLEANUP(redisReply *, reply_free)

#endif
