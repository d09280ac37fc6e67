/*
 * Wiring: a connection of hiredis on a libevent loop. What hiredis' own adapter does, and one look
 * more: what has come is shown to a guard, which hiredis does not ask while a text is incomplete.
 */
#ifndef STORE_WIRING_H
#define STORE_WIRING_H

#include "guard.h"

#include <event2/event.h>
#include <hiredis/async.h>

/* The guard has refused what is coming. Not from inside a callback of hiredis. */
typedef void wiring_refused_fn(void *context);

/* Guard and context are borrowed. False: no memory. */
bool wiring_attach(redisAsyncContext *redis, struct event_base *base, struct guard *guard,
                   wiring_refused_fn *refused, void *context);

#endif
