/*
 * Guard: stands between hiredis and memory. Whoever sits where Redis should be, or in between, must
 * not end this program by a reply too many, nor decide how much memory it takes.
 *
 * Backing   the functions by which hiredis makes the parts of a reply; what they refuse ends the
 *           connection with hiredis' own "Out of memory", and why says what it was
 * Limits    GUARD_BYTES_MAX and GUARD_ELEMENTS_MAX for all parts of a reply together; hiredis has
 *           seven levels of arrays
 * Unasked   A reply that nobody awaits is refused, since hiredis takes it for a bug of its own and
 *           aborts. Nor is it the answer to a command that is sent after it was read. An error that
 *           nobody awaits is the farewell of a Redis that is full: hiredis ends the connection with
 *           its text.
 */
#ifndef STORE_GUARD_H
#define STORE_GUARD_H

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <stddef.h>

/* The largest replies are pages of the doctor and of lists, some ten MiB. */
enum { GUARD_BYTES_MAX = 128 * 1024 * 1024, GUARD_ELEMENTS_MAX = 1024 * 1024 };

struct guard {
    const redisReplyObjectFunctions *plain; /* hiredis' own */
    size_t awaited;                         /* replies */
    size_t due;                             /* of them, those that may be in what is being read */
    size_t bytes;                           /* of the reply under way */
    size_t elements;
    const char *why; /* it has refused something; NULL: it has not */
};

/* The guard is borrowed by the reader. */
void guard_watch(struct guard *guard, redisReader *reader);

/* A command was sent: one more reply is awaited. */
void guard_expect(struct guard *guard);

/* From now on replies come, without end and without being asked for (a subscription). */
void guard_expect_any(struct guard *guard);

/* To be called before anything is read. */
void guard_begin(struct guard *guard);

/* To be asked whenever more has come, and the reply is not complete: hiredis keeps what comes until
 * a text is complete. False: it is going to be too large. */
bool guard_lets_go_on(struct guard *guard, const redisReader *reader);

/* What has come of the reply under way. */
size_t guard_received(const struct guard *guard, const redisReader *reader);

#endif
