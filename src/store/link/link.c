/*
 * hiredis frees a context by itself when a connection fails or ends: after the connect callback
 * (failure) or before its disconnect callback returns. We free one ourselves only in drop(), which
 * runs from our timer and never from a callback of that context; link->redis is NULL by then, and
 * callbacks of a context that is not link->redis are its last words.
 */
#include "link.h"

#include "../protocol/refusal.h"
#include "library.h"
#include "resolve.h"
#include "wiring.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECONNECT_MIN_MS = 50, RECONNECT_MAX_MS = 1000, WHY_SIZE = 160 };

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_READY };

struct link {
    struct event_base *base;
    const struct settings *settings;
    struct link_events events;
    struct resolver *resolver; /* NULL for a unix socket */
    redisAsyncContext *redis;  /* NULL while down or resolving */
    struct guard guard;        /* of redis */
    struct event *timer;       /* down: to connect; connecting: the deadline, or the end at once */
    enum link_state state;
    unsigned attempt; /* since the link was ready */
    bool accepted;    /* connected, and waits for the first answers */
    bool silent;      /* they did not come, or later ones */
    char why[WHY_SIZE];
};

bool link_is_ready(const struct link *link)
{
    return link->state == LINK_READY;
}

bool link_is_connecting(const struct link *link)
{
    return link->state == LINK_CONNECTING;
}

bool link_is_silent(const struct link *link)
{
    return link->silent;
}

/* What the guard has against the connection comes before hiredis' word for it; NULL: nothing is
 * wrong with it. */
static const char *why_of(const struct link *link, const redisAsyncContext *redis)
{
    if (link->guard.why != NULL)
        return link->guard.why;
    return redis->err != 0 && redis->errstr != NULL && redis->errstr[0] != '\0' ? redis->errstr
                                                                                : NULL;
}

/* What was under way is told so before the end of its connection is told to us. */
const char *link_why(const struct link *link)
{
    const char *why = link->redis == NULL ? NULL : why_of(link, link->redis);
    return why == NULL ? link->why : why;
}

static void set_why(struct link *link, const char *why)
{
    (void)snprintf(link->why, sizeof(link->why), "%.*s", WHY_SIZE - 1, why);
}

static void set_timer(struct link *link, int64_t ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L};
    (void)event_add(link->timer, &delay);
}

static int64_t reconnect_delay_ms(unsigned attempt)
{
    int64_t delay_ms = RECONNECT_MIN_MS;
    for (unsigned i = 1; i < attempt && delay_ms < RECONNECT_MAX_MS; i++)
        delay_ms *= 2;
    return delay_ms < RECONNECT_MAX_MS ? delay_ms : RECONNECT_MAX_MS;
}

static void lose(struct link *link, const char *why)
{
    if (link->state == LINK_DOWN)
        return;
    link->state = LINK_DOWN;
    link->attempt++;
    set_why(link, why);
    set_timer(link, reconnect_delay_ms(link->attempt));
    link->events.on_down(link->events.context);
}

/* The context is ours to free here: the top of this file says when. */
static void drop(struct link *link, const char *why)
{
    redisAsyncContext *redis = link->redis;
    link->redis = NULL;
    if (link->resolver != NULL)
        resolver_cancel(link->resolver);
    lose(link, why);
    if (redis != NULL)
        redisAsyncFree(redis);
}

/* A context has ended by itself; hiredis frees it. */
static void context_ended(const redisAsyncContext *redis)
{
    struct link *link = redis->data;
    if (link->redis != redis)
        return;
    link->redis = NULL;
    link->silent = false;
    const char *why = why_of(link, redis);
    lose(link, why == NULL ? "closed by Redis" : why);
}

/* It has come from outside of hiredis, so that the context may be freed. */
static void on_refused(void *context)
{
    struct link *link = context;
    link->silent = false;
    drop(link, link->guard.why);
}

/* All that is sent goes through here: what is not awaited when it comes is refused. */
static bool send_command(struct link *link, redisCallbackFn *callback, int argc, const char **argv,
                         const size_t *lengths)
{
    bool sent = redisAsyncCommandArgv(link->redis, callback, link, argc, argv, lengths) == REDIS_OK;
    if (sent)
        guard_expect(&link->guard);
    return sent;
}

static void on_connect(const redisAsyncContext *redis, int status)
{
    struct link *link = redis->data;
    if (status != REDIS_OK) {
        context_ended(redis);
        return;
    }
    link->accepted = true;
    (void)fcntl(redis->c.fd, F_SETFD, FD_CLOEXEC);
    if (link->settings->path == NULL && link->redis != NULL)
        (void)redisEnableKeepAlive(&link->redis->c);
}

static void on_disconnect(const redisAsyncContext *redis, int status)
{
    (void)status;
    context_ended(redis);
}

/* Refused while connecting: the end comes from the timer, since this is a callback of hiredis. */
static void give_up(struct link *link, const redisReply *reply)
{
    struct error err = {0};
    if (refusal_check(reply, &err) != STATUS_OK)
        set_why(link, err.text);
    else
        set_why(link, "an unexpected reply while connecting");
    link->accepted = false; /* it does answer */
    set_timer(link, 0);
}

static void become_ready(struct link *link)
{
    (void)event_del(link->timer);
    link->state = LINK_READY;
    link->attempt = 0;
    link->silent = false;
    link->events.on_ready(link->events.context);
}

/* cppcheck-suppress constParameter; the type is that of hiredis */
static void on_greeting(redisAsyncContext *redis, void *raw, void *context)
{
    struct link *link = context;
    const redisReply *reply = raw;
    if (reply == NULL || link->redis != redis)
        return; /* the end of the context is told elsewhere */
    if (reply->type == REDIS_REPLY_ERROR)
        give_up(link, reply);
}

/* cppcheck-suppress constParameter; the type is that of hiredis */
static void on_loaded(redisAsyncContext *redis, void *raw, void *context)
{
    struct link *link = context;
    const redisReply *reply = raw;
    if (reply == NULL || link->redis != redis)
        return;
    if (reply->type == REDIS_REPLY_ERROR)
        give_up(link, reply);
    else
        become_ready(link);
}

static void load_library(struct link *link)
{
    const char *argv[LIBRARY_LOAD_ARGC];
    size_t lengths[LIBRARY_LOAD_ARGC];
    library_load_command(argv, lengths);
    if (!send_command(link, on_loaded, LIBRARY_LOAD_ARGC, argv, lengths))
        set_timer(link, 0);
}

/* cppcheck-suppress constParameter; the type is that of hiredis */
static void on_version(redisAsyncContext *redis, void *raw, void *context)
{
    struct link *link = context;
    const redisReply *reply = raw;
    if (reply == NULL || link->redis != redis)
        return;
    if (library_is_current(reply))
        become_ready(link);
    else if (reply->type == REDIS_REPLY_ERROR && !library_is_missing(reply))
        give_up(link, reply);
    else
        load_library(link);
}

/* All at once: hiredis keeps them until the socket can be written. */
static void greet(struct link *link)
{
    struct greeting greetings[GREETINGS_MAX];
    int count = settings_greetings(link->settings, greetings);
    bool sent = true;
    for (int i = 0; i < count; i++)
        sent = sent && send_command(link, on_greeting, greetings[i].argc, greetings[i].argv, NULL);

    const char *argv[LIBRARY_VERSION_ARGC];
    memcpy(argv, library_version_command, sizeof(argv));
    sent = sent && send_command(link, on_version, LIBRARY_VERSION_ARGC, argv, NULL);
    if (!sent)
        set_timer(link, 0);
}

static void attach(struct link *link, redisAsyncContext *redis)
{
    if (redis == NULL) {
        drop(link, "out of memory");
        return;
    }
    redis->data = link;
    link->redis = redis;
    link->guard.why = NULL; /* that is said of the connection before */
    if (redis->err != 0) {
        drop(link, redis->errstr);
        return;
    }
    if (!wiring_attach(redis, link->base, &link->guard, on_refused, link)) {
        drop(link, "out of memory");
        return;
    }
    (void)redisAsyncSetConnectCallback(redis, on_connect);
    (void)redisAsyncSetDisconnectCallback(redis, on_disconnect);
    greet(link);
}

static void on_resolved(void *context, const char *address, const char *why)
{
    struct link *link = context;
    if (address == NULL)
        drop(link, why);
    else
        attach(link, redisAsyncConnect(address, link->settings->port));
}

static void connect_now(struct link *link)
{
    link->state = LINK_CONNECTING;
    link->accepted = false;
    set_why(link, "no connection in time");
    set_timer(link, link->settings->timeout_ms);
    if (link->settings->path != NULL)
        attach(link, redisAsyncConnectUnix(link->settings->path));
    else
        resolver_start(link->resolver, link->settings->host, link->attempt);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct link *link = context;
    if (link->state == LINK_DOWN) {
        connect_now(link);
        return;
    }
    char why[WHY_SIZE];
    memcpy(why, link->why, sizeof(why));
    link->silent = link->accepted;
    drop(link, why);
}

enum status link_new(struct event_base *base, const struct settings *settings,
                     const struct link_events *events, struct link **ret_link, struct error *err)
{
    struct link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "redis link");
    link->base = base;
    link->settings = settings;
    link->events = *events;
    link->timer = event_new(base, -1, 0, on_timer, link);
    if (settings->path == NULL)
        link->resolver = resolver_new(base, on_resolved, link);
    if (link->timer == NULL || (settings->path == NULL && link->resolver == NULL)) {
        link_free(link);
        return FAIL(err, STATUS_NO_MEMORY, "redis link");
    }
    *ret_link = link;
    return STATUS_OK;
}

static void ignore_event(void *context)
{
    (void)context;
}

void link_start(struct link *link)
{
    connect_now(link);
}

void link_close(struct link *link)
{
    link->events.on_ready = ignore_event;
    link->events.on_down = ignore_event;
    drop(link, "closed");
    (void)event_del(link->timer);
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    resolver_free(link->resolver);
    if (link->timer != NULL)
        event_free(link->timer);
    free(link);
}

bool link_send(struct link *link, const char *command, size_t len, redisCallbackFn *callback,
               void *context)
{
    bool sent = link->redis != NULL && redisAsyncFormattedCommand(link->redis, callback, context,
                                                                  command, len) == REDIS_OK;
    if (sent)
        guard_expect(&link->guard);
    return sent;
}

void link_reload(struct link *link)
{
    if (link->state != LINK_READY || link->redis == NULL)
        return;
    link->state = LINK_CONNECTING;
    set_why(link, "the function library could not be loaded in time");
    set_timer(link, link->settings->timeout_ms);
    load_library(link);
}

void link_reset(struct link *link, const char *why)
{
    link->silent = true;
    drop(link, why);
}
