/*
 * Asynchronous store: calls from a libevent loop, pipelined over one connection, never blocking.
 *
 * Limits    A call without a reply by its deadline (options.timeout_ms) fails with TIMEOUT; a late
 *           reply is dropped. When the connection is down calls fail with UNAVAILABLE at once;
 *           while it is being established they wait for it, at most until their deadline. It
 *           reconnects by itself, 50 ms to 1 s apart, and loads the library first. At most
 *           STORE_ASYNC_PENDING_MAX calls are under way: UNAVAILABLE. Replies as in store/store.h.
 * Merging   Creates that come while one is under way go together when it has ended, in one call to
 *           Redis; each gets its own reply. When one fails without a reply, so do those that wait.
 * Names     A host name is resolved with DNS and /etc/hosts, without blocking the loop.
 * Threads   the loop's.
 */
#ifndef STORE_ASYNC_H
#define STORE_ASYNC_H

#include "core/error.h"
#include "store/call.h"
#include "store/options.h"

#include <event2/event.h>

enum { STORE_ASYNC_PENDING_MAX = 10000 };

struct store_async;

enum status store_async_open(struct event_base *base, const struct store_options *options,
                             struct store_async **ret_async, struct error *err) MUST_CHECK;

/* For the next connection; borrowed like the one before, which is not used any more. NULL: none. */
void store_async_set_password(struct store_async *async, const struct secret *password);

/* Redis takes our connection, or has it, and does not answer in time: it hangs. False when it is
 * away. */
bool store_async_is_silent(const struct store_async *async);

/* Calls under way fail with UNAVAILABLE, from here. Not to be called from a reply's callback. */
void store_async_close(struct store_async *async);

/* The call's arguments are sent or copied before this returns. The callback comes exactly once,
 * from the loop, never from inside this function. */
void store_async_send(struct store_async *async, const struct store_call *call,
                      store_reply_fn *callback, void *context);

#endif
