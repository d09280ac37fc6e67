#include "wiring.h"

#include <stdlib.h>

struct wiring {
    redisAsyncContext *redis;
    struct guard *guard;
    wiring_refused_fn *refused;
    void *context;
    struct event *readable;
    struct event *writable;
    bool is_reading; /* hiredis is at it, and may end the connection */
    bool is_over;
};

static void wiring_free(struct wiring *wiring)
{
    if (wiring->readable != NULL)
        event_free(wiring->readable);
    if (wiring->writable != NULL)
        event_free(wiring->writable);
    free(wiring);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct wiring *wiring = context;
    guard_begin(wiring->guard);
    wiring->is_reading = true;
    redisAsyncHandleRead(wiring->redis);
    wiring->is_reading = false;
    if (wiring->is_over)
        wiring_free(wiring);
    else if (!guard_lets_go_on(wiring->guard, wiring->redis->c.reader))
        wiring->refused(wiring->context);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct wiring *wiring = context;
    redisAsyncHandleWrite(wiring->redis);
}

static void add_read(void *context)
{
    struct wiring *wiring = context;
    (void)event_add(wiring->readable, NULL);
}

static void delete_read(void *context)
{
    struct wiring *wiring = context;
    (void)event_del(wiring->readable);
}

static void add_write(void *context)
{
    struct wiring *wiring = context;
    (void)event_add(wiring->writable, NULL);
}

static void delete_write(void *context)
{
    struct wiring *wiring = context;
    (void)event_del(wiring->writable);
}

static void clean_up(void *context)
{
    struct wiring *wiring = context;
    wiring->is_over = true;
    (void)event_del(wiring->readable);
    (void)event_del(wiring->writable);
    if (!wiring->is_reading)
        wiring_free(wiring);
}

bool wiring_attach(redisAsyncContext *redis, struct event_base *base, struct guard *guard,
                   wiring_refused_fn *refused, void *context)
{
    struct wiring *wiring = calloc(1, sizeof(*wiring));
    if (wiring == NULL)
        return false;
    *wiring =
        (struct wiring){.redis = redis, .guard = guard, .refused = refused, .context = context};
    wiring->readable = event_new(base, redis->c.fd, EV_READ, on_readable, wiring);
    wiring->writable = event_new(base, redis->c.fd, EV_WRITE, on_writable, wiring);
    if (wiring->readable == NULL || wiring->writable == NULL) {
        wiring_free(wiring);
        return false;
    }
    redis->ev.addRead = add_read;
    redis->ev.delRead = delete_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = delete_write;
    redis->ev.cleanup = clean_up;
    redis->ev.data = wiring;
    guard_watch(guard, redis->c.reader);
    add_read(wiring);
    add_write(wiring);
    return true;
}
