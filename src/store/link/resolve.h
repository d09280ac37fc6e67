/*
 * Resolve: a host name to one numeric address, from a libevent loop and without blocking it.
 * getaddrinfo(3), which hiredis would call, can stop the loop for seconds.
 */
#ifndef STORE_RESOLVE_H
#define STORE_RESOLVE_H

#include <event2/event.h>

struct resolver;

/* address NULL: there is none, and why says so. Both are borrowed for the duration of the call. */
typedef void resolved_fn(void *context, const char *address, const char *why);

/* NULL without memory. */
struct resolver *resolver_new(struct event_base *base, resolved_fn *callback, void *context);
void resolver_free(struct resolver *resolver); /* NULL is a no-op */

/* One question at a time. A host with several addresses answers with another one at each attempt
 * (counted from 0). The callback comes once; for a numeric host, from inside this function. */
void resolver_start(struct resolver *resolver, const char *host, unsigned attempt);

/* The callback of the question under way does not come any more. */
void resolver_cancel(struct resolver *resolver);

#endif
