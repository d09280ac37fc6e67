/*
 * Store: Redis as everybody sees it. All changes go through one function library, kept in
 * src/store/functions and loaded by version when a connection opens; keys and functions are
 * documented in docs/redis.md.
 *
 * Shapes    A request is a struct store_call, made by store/calls.h; its reply is decoded by
 *           store/replies.h. The same call goes over the blocking connection below (workers, admin
 *           tool) or the asynchronous one in store/async.h (front end).
 * Limits    Every command has the deadline of the options, which a reply moves on while it comes at
 *           a fair pace. A reply of more than 128 MiB or a million elements is refused before there
 *           is memory for it, and a reply that nobody has asked for ends the connection.
 * Errors    UNAVAILABLE, TIMEOUT: Redis is away (reason "redis_unavailable"). An error reply of
 *           the library carries a code that becomes err->reason, and one of a Redis that is
 *           there, but not fit to work with, is redis_unsafe: src/core/reasons.yaml has each of
 *           these words, and the status that goes with it.
 *           Anything else that Redis says: INTERNAL, reason "redis_error".
 * Signals   No SIGPIPE comes of a connection that Redis has closed. A program with an asynchronous
 *           one ignores it: hiredis writes there.
 * Threads   A struct store belongs to one thread.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/cleanup.h"
#include "core/error.h"
#include "store/call.h"
#include "store/options.h"

struct store;

/* Connects lazily: opening never fails because Redis is away. Options are copied, but for the
 * password, which is borrowed. Caller owns *ret_store. */
enum status store_open(const struct store_options *options, struct store **ret_store,
                       struct error *err) MUST_CHECK;
void store_close(struct store *store); /* NULL is a no-op */
DEFINE_CLEANUP(struct store *, store_close)

/* Runs one call, connecting (and loading the library) first where needed. After a failure of the
 * connection the next call connects again; nothing is sent twice. Caller owns *ret_reply. */
enum status store_run(struct store *store, const struct store_call *call, redisReply **ret_reply,
                      struct error *err) MUST_CHECK;

#endif
