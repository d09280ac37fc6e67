#include "http/server.h"

#include "address.h"
#include "connection.h"
#include "connections.h"
#include "core/clock.h"
#include "giving_way.h"
#include "room.h"
#include "server_state.h"
#include "tls.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS_MIN = 5, TICK_MS_MAX = 1000, TICKS_IN_TIMEOUT = 8 };

static void check_deadlines(struct http_server *server)
{
    int64_t now_ms = clock_mono_ms();
    struct http_connection *next = NULL;
    for (struct http_connection *connection = LIST_FIRST(&server->connections.list);
         connection != NULL; connection = next) {
        next = LIST_NEXT(connection, link);
        if (connection->phase == CONNECTION_REPLYING)
            connection_credit_reply(connection, now_ms);
        if (connection->phase != CONNECTION_HANDLING && connection->deadline_ms <= now_ms)
            connection_time_out(connection);
    }
}

static void resume_listeners(struct http_server *server)
{
    struct listener *listener = NULL;
    STAILQ_FOREACH(listener, &server->listeners, link)
    {
        if (!listener->is_paused)
            continue;
        listener->is_paused = false;
        if (listener->acceptor != NULL && !(listener->is_passed && server->is_draining))
            (void)evconnlistener_enable(listener->acceptor);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    (void)fd;
    (void)what;
    check_deadlines(server);
    resume_listeners(server);
    room_give_back(server);
    if (server->connections.count == 0)
        (void)event_del(server->tick); /* an idle server does not wake up */
}

void server_start_tick(struct http_server *server)
{
    if (!event_pending(server->tick, EV_TIMEOUT, NULL))
        (void)event_add(server->tick, &server->tick_interval);
}

static void listener_close(struct listener *listener)
{
    if (listener->acceptor != NULL)
        evconnlistener_free(listener->acceptor);
    listener->acceptor = NULL;

    struct stat info; /* a successor may have put its own socket there */
    if (listener->path != NULL && lstat(listener->path, &info) == 0 &&
        info.st_dev == listener->path_device && info.st_ino == listener->path_inode)
        (void)unlink(listener->path); /* left behind it is stale, which the next start mends */
    free(listener->path);
    listener->path = NULL;
}

static void listener_free(struct listener *listener)
{
    listener_close(listener);
    SSL_CTX_free(listener->tls);
    free(listener->certificate);
    free(listener->key);
    free(listener->path);
    free(listener);
}

DEFINE_CLEANUP(struct listener *, listener_free)

/* Called when draining begins, from the next pass of the loop, and when the last connection is
 * gone. Nothing of the server is touched behind the callback: it may be freed there. */
static void on_drain(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    (void)fd;
    (void)what;
    struct listener *listener = NULL;
    STAILQ_FOREACH(listener, &server->listeners, link)
    {
        listener_close(listener);
    }
    if (server->connections.count > 0 || server->when_drained == NULL)
        return;
    void (*when_drained)(void *) = server->when_drained;
    server->when_drained = NULL;
    when_drained(server->drained_context);
}

/* A kept connection may have its next request on the way: closed at once, the caller could not know
 * whether that was heard. */
static void drain_connection(struct http_connection *connection)
{
    if (connection->phase != CONNECTION_IDLE)
        return;
    int64_t grace_end_ms = clock_mono_ms() + DRAIN_GRACE_MS;
    if (connection->deadline_ms > grace_end_ms)
        connection->deadline_ms = grace_end_ms;
}

/* Who is in the queue of such a socket is left to the next one that accepts there. */
static void pause_passed_listeners(struct http_server *server)
{
    struct listener *listener = NULL;
    STAILQ_FOREACH(listener, &server->listeners, link)
    {
        if (listener->is_passed && listener->acceptor != NULL)
            (void)evconnlistener_disable(listener->acceptor);
    }
}

void http_server_drain(struct http_server *server, void (*when_done)(void *context), void *context)
{
    server->is_draining = true;
    server->when_drained = when_done;
    server->drained_context = context;
    struct http_connection *next = NULL;
    for (struct http_connection *connection = LIST_FIRST(&server->connections.list);
         connection != NULL; connection = next) {
        next = LIST_NEXT(connection, link);
        drain_connection(connection);
    }
    pause_passed_listeners(server);
    /* The others take one more pass of the loop: who is in their queues is accepted, not reset. */
    (void)event_add(server->drain, &(struct timeval){0});
}

static void on_sigpipe(int number)
{
    (void)number;
}

/* A handler and not SIG_IGN, which programs that are started from this one would inherit. */
static enum status survive_sigpipe(struct error *err)
{
    struct sigaction current;
    if (sigaction(SIGPIPE, NULL, &current) != 0)
        return FAIL_ERRNO(err, "SIGPIPE");
    if ((current.sa_flags & SA_SIGINFO) != 0 || current.sa_handler != SIG_DFL)
        return STATUS_OK;
    struct sigaction action = {.sa_handler = on_sigpipe, .sa_flags = SA_RESTART};
    if (sigaction(SIGPIPE, &action, NULL) != 0)
        return FAIL_ERRNO(err, "SIGPIPE");
    return STATUS_OK;
}

static struct timeval tick_interval(const struct http_limits *limits)
{
    int64_t shortest = limits->idle_timeout_ms < limits->request_timeout_ms
                           ? limits->idle_timeout_ms
                           : limits->request_timeout_ms;
    int64_t ms = shortest / TICKS_IN_TIMEOUT;
    if (ms < TICK_MS_MIN)
        ms = TICK_MS_MIN;
    if (ms > TICK_MS_MAX)
        ms = TICK_MS_MAX;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

enum status http_server_new(struct event_base *base, const struct http_options *options,
                            struct http_server **ret_server, struct error *err)
{
    CLEANUP(http_server_freep) struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "HTTP server");
    STAILQ_INIT(&server->listeners);
    connections_init(&server->connections);
    server->base = base;
    server->refuse = options->refuse;
    server->context = options->context;
    server->limits = options->limits;
    server->tick_interval = tick_interval(&options->limits);
    server->tick = event_new(base, -1, EV_PERSIST, on_tick, server);
    server->drain = event_new(base, -1, 0, on_drain, server);
    if (server->tick == NULL || server->drain == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "HTTP server");
    if (router_new(options->routes, options->route_count, &server->router, err) != STATUS_OK ||
        survive_sigpipe(err) != STATUS_OK)
        return FAIL_IN(err, "HTTP server");
    *ret_server = STEAL(server);
    return STATUS_OK;
}

static void event_free_any(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    server->is_draining = false; /* nobody is to be told any more */
    while (!STAILQ_EMPTY(&server->listeners)) {
        struct listener *listener = STAILQ_FIRST(&server->listeners);
        STAILQ_REMOVE_HEAD(&server->listeners, link);
        listener_free(listener);
    }
    while (!LIST_EMPTY(&server->connections.list))
        connection_drop(LIST_FIRST(&server->connections.list));
    event_free_any(server->tick);
    event_free_any(server->drain);
    router_free(server->router);
    free(server);
}

static void on_client(struct evconnlistener *acceptor, evutil_socket_t fd, struct sockaddr *peer,
                      int peer_len, void *context)
{
    (void)acceptor;
    (void)peer_len;
    struct listener *listener = context;
    enum connection_place place = place_for_newcomer(listener->server);
    if (place == PLACE_NONE)
        (void)close(fd);
    else
        connection_open(listener, fd, peer, place);
}

/* No descriptor is left for the client that waits: somebody gives way, as if all places were taken.
 * If there is nobody: without a pause the loop would spin on it. */
static void on_accept_error(struct evconnlistener *acceptor, void *context)
{
    struct listener *listener = context;
    if (place_free_one(listener->server))
        return;
    listener->is_paused = true;
    (void)evconnlistener_disable(acceptor);
    server_start_tick(listener->server);
}

static enum status copy_text(const char *text, char **ret_copy, struct error *err)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "strdup");
    *ret_copy = copy;
    return STATUS_OK;
}

static enum status use_tls(struct listener *listener, const struct http_listener *wanted,
                           struct error *err)
{
    if (wanted->certificate == NULL)
        return STATUS_OK;
    if (wanted->key == NULL)
        return FAIL(err, STATUS_INVALID, "a certificate needs its key");
    if (copy_text(wanted->certificate, &listener->certificate, err) != STATUS_OK ||
        copy_text(wanted->key, &listener->key, err) != STATUS_OK)
        return error_status(err);
    return tls_context_new(listener->certificate, listener->key, &listener->tls, err);
}

static enum status remember_path(struct listener *listener, const struct address *address,
                                 struct error *err)
{
    if (address->socket.any.sa_family != AF_UNIX)
        return STATUS_OK;
    struct stat info;
    if (lstat(address->socket.local.sun_path, &info) != 0)
        return FAIL_ERRNO(err, "stat '%s'", address->socket.local.sun_path);
    listener->path_device = info.st_dev;
    listener->path_inode = info.st_ino;
    return copy_text(address->socket.local.sun_path, &listener->path, err);
}

/* Takes the socket. */
static enum status accept_on(struct listener *listener, int fd, struct error *err)
{
    const unsigned flags = LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE;
    listener->acceptor =
        evconnlistener_new(listener->server->base, on_client, listener, flags, 0, fd);
    if (listener->acceptor == NULL) {
        (void)close(fd);
        return FAIL(err, STATUS_NO_MEMORY, "listener");
    }
    evconnlistener_set_error_cb(listener->acceptor, on_accept_error);
    return STATUS_OK;
}

static enum status listener_open(struct listener *listener, const struct http_listener *wanted,
                                 struct error *err)
{
    CLEANUP(fd_closep) int fd = wanted->socket > 0 ? wanted->socket : -1;
    struct address address;
    if (address_parse(wanted->address, &address, err) != STATUS_OK ||
        use_tls(listener, wanted, err) != STATUS_OK)
        return error_status(err);
    if (fd >= 0 && address_take_over(fd, err) != STATUS_OK)
        return error_status(err);
    listener->is_passed = fd >= 0;
    if (fd >= 0)
        return accept_on(listener, STEAL_FD(fd), err);
    if (address_listen(&address, &fd, err) != STATUS_OK ||
        remember_path(listener, &address, err) != STATUS_OK)
        return error_status(err);
    return accept_on(listener, STEAL_FD(fd), err);
}

enum status http_server_listen(struct http_server *server, const struct http_listener *listener,
                               struct error *err)
{
    CLEANUP(listener_freep) struct listener *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "listener");
    fresh->server = server;
    if (listener_open(fresh, listener, err) != STATUS_OK)
        return FAIL_IN(err, "listen on '%s'", listener->address);
    STAILQ_INSERT_TAIL(&server->listeners, fresh, link);
    fresh = NULL;
    return STATUS_OK;
}

enum status http_socket_is_at(int fd, const char *text, bool *ret_is, struct error *err)
{
    struct address address;
    if (address_parse(text, &address, err) != STATUS_OK)
        return error_status(err);
    return address_is_of(&address, fd, ret_is, err);
}

static enum status try_files(const char *certificate, const char *key, struct error *err)
{
    SSL_CTX *context = NULL;
    if (tls_context_new(certificate, key, &context, err) != STATUS_OK)
        return error_status(err);
    SSL_CTX_free(context);
    return STATUS_OK;
}

enum status http_certificate_check(const char *certificate, struct error *err)
{
    return try_files(certificate, NULL, err);
}

enum status http_key_check(const char *certificate, const char *key, struct error *err)
{
    return try_files(certificate, key, err);
}

uint16_t http_server_port(const struct http_server *server, size_t index)
{
    const struct listener *listener = STAILQ_FIRST(&server->listeners);
    while (listener != NULL && index-- > 0)
        listener = STAILQ_NEXT(listener, link);
    if (listener == NULL || listener->acceptor == NULL)
        return 0;

    struct address address = {.len = sizeof(address.socket)};
    if (getsockname(evconnlistener_get_fd(listener->acceptor), &address.socket.any, &address.len) !=
        0)
        return 0;
    if (address.socket.any.sa_family == AF_INET)
        return ntohs(address.socket.v4.sin_port);
    return address.socket.any.sa_family == AF_INET6 ? ntohs(address.socket.v6.sin6_port) : 0;
}

static enum status read_certificates(struct http_server *server, SSL_CTX **fresh, struct error *err)
{
    struct listener *listener = NULL;
    size_t i = 0;
    STAILQ_FOREACH(listener, &server->listeners, link)
    {
        if (listener->tls != NULL &&
            tls_context_new(listener->certificate, listener->key, &fresh[i], err) != STATUS_OK)
            return FAIL_IN(err, "listener %zu", i);
        i++;
    }
    return STATUS_OK;
}

static void swap_certificates(struct http_server *server, SSL_CTX **fresh)
{
    struct listener *listener = NULL;
    size_t i = 0;
    STAILQ_FOREACH(listener, &server->listeners, link)
    {
        SSL_CTX *old = listener->tls;
        listener->tls = fresh[i];
        fresh[i++] = old;
    }
}

enum status http_server_reload(struct http_server *server, struct error *err)
{
    size_t count = 0;
    struct listener *listener = NULL;
    STAILQ_FOREACH(listener, &server->listeners, link)
    {
        count++;
    }
    SSL_CTX **fresh = calloc(count + 1, sizeof(SSL_CTX *));
    if (fresh == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "reload");

    enum status status = read_certificates(server, fresh, err);
    if (status == STATUS_OK)
        swap_certificates(server, fresh);
    for (size_t i = 0; i < count; i++)
        SSL_CTX_free(fresh[i]); /* what is not in use: the old ones, or those of a failed reload */
    free(fresh);
    return status;
}
