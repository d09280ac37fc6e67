/*
 * Link: the connection under the asynchronous store. It connects, says who we are, sees to the
 * library, and starts again 50 ms to 1 s after a loss. hiredis and libevent meet here and in wiring.c.
 *
 * States    connecting -> ready -> down -> connecting ...; after a loss everything that was sent
 *           gets its callback with a NULL reply, from hiredis.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "core/error.h"
#include "settings.h"

#include <event2/event.h>
#include <hiredis/async.h>

#include <stdbool.h>
#include <stddef.h>

struct link;

struct link_events {
    void (*on_ready)(void *context);
    void (*on_down)(void *context); /* once per loss; link_why() says why */
    void *context;
};

/* Borrows base and settings. Caller owns *ret_link. */
enum status link_new(struct event_base *base, const struct settings *settings,
                     const struct link_events *events, struct link **ret_link, struct error *err)
    MUST_CHECK;
void link_start(struct link *link); /* once; on_down may come from in here */
void link_close(struct link *link); /* for good, and without on_down */
void link_free(struct link *link);  /* closed, or never started; NULL is a no-op */

bool link_is_ready(const struct link *link);
bool link_is_silent(const struct link *link); /* see store_async_is_silent() */
bool link_is_connecting(const struct link *link);
const char *link_why(const struct link *link); /* the last loss, for people */

/* False: not sent, and the callback does not come. */
bool link_send(struct link *link, const char *command, size_t len, redisCallbackFn *callback,
               void *context);

/* The library is not there: load it. Not ready until that is done. */
void link_reload(struct link *link);

/* Gives the connection up and connects anew. Not from inside a callback of hiredis. */
void link_reset(struct link *link, const char *why);

#endif
