/*
 * Merge: calls of one function that may travel as one, as the records of a group commit do. A call
 * goes at once when none is under way; those that come meanwhile wait for its end and then go
 * together. So a lonely call waits for nothing, and many cost Redis little more than one.
 *
 * Two at a time: once MERGE_FOLLOW_MIN calls wait, they follow the one under way. Else callers that
 * wait for each other's answers would soon all be in one group, and Redis and we would work in
 * turns.
 *
 * Function  takes its arguments once or several times over; one set is answered by its reply, more
 *           by an array with one reply for each.
 * Failure   of a call under way is the failure of those that wait too: none waits longer than its
 *           own deadline.
 * Limits    MERGE_CALLS_MAX calls and about MERGE_BYTES_MAX bytes travel together; a larger call
 *           goes alone.
 */
#ifndef STORE_MERGE_H
#define STORE_MERGE_H

#include "store/call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MERGE_CALLS_MAX = 64, MERGE_FOLLOW_MIN = 8, MERGE_BYTES_MAX = 1024 * 1024 };

struct merge;
struct store_async;

/* Takes over the command, which is from malloc(). The callback comes once, later. */
typedef void merge_send_fn(struct store_async *async, char *command, size_t len,
                           int64_t deadline_ms, store_reply_fn *callback, void *context);

/* NULL: no memory. */
struct merge *merge_new(struct store_async *async, merge_send_fn *send);
/* Only when nothing is under way. */
void merge_free(struct merge *merge);

/* False, and nothing has happened: no memory. */
bool merge_add(struct merge *merge, const struct store_call *call, int64_t deadline_ms,
               store_reply_fn *callback, void *context);

#endif
