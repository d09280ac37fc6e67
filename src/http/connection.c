/*
 * A connection from accept to close.
 *
 * libevent tells a program about a connection when its first request is complete. That is too late
 * for a limit on connections and for time-outs, and its own time-outs start anew with each byte. So
 * we make the bufferevent (evhttp_set_bevcb), keep a reference to it, and look at its input:
 *
 *   ARRIVED -> IDLE -> READING -> HANDLING -> REPLYING -> IDLE ...
 *                                                 \-> LINGERING -> CLOSED
 *
 * Each phase has one deadline, which nothing that the client does can move but to take its reply.
 * Deadlines are looked at by one tick of the server, some eight times in the shortest of them: a
 * timer for each connection would have to be moved three times in each request.
 *
 * Inside evhttp_set_bevcb's callback there is no evhttp_connection yet; it becomes the argument of
 * the bufferevent's callbacks right afterwards. The server's turn, which runs in the same pass of
 * the loop and before any input, picks it up from there.
 *
 * Lingering: who closes a socket with unread input sends a reset, which may take the reply out of
 * the client's hands: a 413 for a body that is still on its way would never be read. So after
 * libevent is done with a connection we keep it half closed and throw away what comes, until the
 * client closes, LINGER_BYTES_MAX came or LINGER_MS are over. It counts as a connection meanwhile.
 */
#include "connection.h"

#include "connections.h"
#include "core/clock.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Beyond the largest request: what is pipelined waits in the socket. */
enum { INPUT_SLACK_BYTES = 64 * 1024 };

void connection_set_deadline(struct http_connection *connection, int64_t timeout_ms)
{
    connection->deadline_ms = clock_mono_ms() + timeout_ms;
}

void connection_begin_reply(struct http_connection *connection)
{
    connection->phase = CONNECTION_REPLYING;
    connection->reply_left = evbuffer_get_length(bufferevent_get_output(connection->stream));
    connection_set_deadline(connection, connection->server->limits.request_timeout_ms);
}

/* What has been taken since the last look moves the deadline on by the time that it may take at the
 * slowest pace, but never further than the time-out from now: who pauses that long is cut, however
 * fast he was, and who is too slow uses up what he had in advance. */
void connection_credit_reply(struct http_connection *connection, int64_t now_ms)
{
    size_t left = evbuffer_get_length(bufferevent_get_output(connection->stream));
    int64_t latest_ms = now_ms + connection->server->limits.request_timeout_ms;
    size_t taken = connection->reply_left > left ? connection->reply_left - left : 0;
    connection->deadline_ms += (int64_t)taken * 1000 / HTTP_REPLY_BYTES_PER_S_MIN;
    if (connection->deadline_ms > latest_ms)
        connection->deadline_ms = latest_ms;
    connection->reply_left = left;
}

/* Line breaks between requests are skipped (RFC 9112 section 2.2); they do not move the deadline.
 */
static void skip_line_breaks(struct evbuffer *input)
{
    char first;
    while (evbuffer_copyout(input, &first, 1) == 1 && (first == '\r' || first == '\n'))
        (void)evbuffer_drain(input, 1);
}

void connection_look_for_request(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    skip_line_breaks(input);
    if (evbuffer_get_length(input) == 0)
        return;
    connection->phase = CONNECTION_READING;
    connection_set_deadline(connection, connection->server->limits.request_timeout_ms);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context)
{
    struct http_connection *connection = context;
    (void)input;
    if (info->n_added > 0 && connection->phase == CONNECTION_IDLE)
        connection_look_for_request(connection);
}

static struct bufferevent *stream_new(const struct listener *listener, bool plain)
{
    struct event_base *base = listener->server->base;
    if (plain)
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    ERR_clear_error();
    SSL *ssl = SSL_new(listener->tls);
    if (ssl == NULL)
        return NULL;
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (stream != NULL)
        bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    return stream;
}

/* NULL makes evhttp use a plain bufferevent that we do not know; on_request() then finds no
 * connection and ends it. */
struct bufferevent *connection_open(struct event_base *base, void *context)
{
    struct listener *listener = context;
    struct http_server *server = listener->server;
    (void)base;

    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->is_refused = server->connections.count >= server->limits.connections_max;
    connection->is_tls = listener->tls != NULL && !connection->is_refused;
    connection->stream = stream_new(listener, !connection->is_tls);
    if (connection->stream == NULL) {
        free(connection);
        return NULL;
    }
    connection->server = server;
    connection->fd = -1;
    connection->request.connection = connection;
    const struct http_limits *limits = &server->limits;
    bufferevent_setwatermark(connection->stream, EV_READ, 0,
                             limits->body_bytes_max + limits->header_bytes_max + INPUT_SLACK_BYTES);
    bufferevent_incref(connection->stream);
    connections_add(&server->connections, connection);
    server_start_tick(server);
    connections_wait_for_turn(&server->connections, connection);
    return connection->stream;
}

/* Closes what is ours of it. The memory stays while a request is pending. */
void connection_drop(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    connections_remove(&server->connections, connection);
    evbuffer_remove_cb(bufferevent_get_input(connection->stream), on_input, connection);
    if (connection->phase == CONNECTION_LINGERING)
        bufferevent_free(connection->stream); /* libevent has let go of it already */
    else
        bufferevent_decref(connection->stream);
    connection->stream = NULL;
    connection->parser = NULL;
    connection->server = NULL;
    connection->phase = CONNECTION_CLOSED;

    if (server->is_draining && server->connections.count == 0)
        event_active(server->drain, 0, 0);
    if (!connection->request.pending)
        free(connection);
}

/* Tells a TLS client that the end is meant; whether it arrives is of no consequence. */
static void say_goodbye(struct http_connection *connection)
{
    if (!connection->is_tls)
        return;
    SSL *ssl = bufferevent_openssl_get_ssl(connection->stream);
    if (ssl != NULL && SSL_is_init_finished(ssl))
        (void)SSL_shutdown(ssl);
    ERR_clear_error();
}

/* libevent is about to free its connection, for whatever reason. */
static void on_close(struct evhttp_connection *parser, void *context)
{
    struct http_connection *connection = context;
    (void)parser;
    if (connection->request.pending)
        evhttp_request_own(connection->request.raw); /* it is needed until the reply */
    if (!connection->has_answered || connection->is_cut) {
        connection_drop(connection);
        return;
    }
    say_goodbye(connection);
    connection->parser = NULL;
    connection->phase = CONNECTION_LINGERING;
    connection_set_deadline(connection, LINGER_MS);
    connections_wait_for_turn(&connection->server->connections, connection);
}

void connection_cut(struct http_connection *connection)
{
    if (connection->parser == NULL) {
        connection_drop(connection);
        return;
    }
    connection->is_cut = true;
    /* What the client does not take would stay with the kernel for long. */
    if (connection->phase == CONNECTION_REPLYING)
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                         sizeof(struct linger));
    evhttp_connection_free(connection->parser); /* calls on_close() */
}

static void on_linger_read(struct bufferevent *stream, void *context)
{
    struct http_connection *connection = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t len = evbuffer_get_length(input);
    (void)evbuffer_drain(input, len);
    connection->lingered_bytes += len;
    if (connection->lingered_bytes > LINGER_BYTES_MAX)
        connection_drop(connection);
}

static void on_linger_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    (void)what; /* the end, or an error: both are the end */
    connection_drop(context);
}

static void linger(struct http_connection *connection)
{
    struct bufferevent *stream = connection->stream;
    struct evbuffer *input = bufferevent_get_input(stream);
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    bufferevent_setcb(stream, on_linger_read, NULL, on_linger_event, connection);
    (void)bufferevent_disable(stream, EV_WRITE);
    if (bufferevent_enable(stream, EV_READ) != 0)
        connection_drop(connection);
}

static void describe_peer(struct http_connection *connection)
{
    char *address = NULL;
    uint16_t port = 0;
    evhttp_connection_get_peer(connection->parser, &address, &port);
    if (port == 0) { /* no TCP client has this one */
        (void)snprintf(connection->peer, sizeof(connection->peer), "unix");
        return;
    }
    bool is_ipv6 = strchr(address, ':') != NULL;
    (void)snprintf(connection->peer, sizeof(connection->peer), "%s%.50s%s:%u", is_ipv6 ? "[" : "",
                   address, is_ipv6 ? "]" : "", (unsigned)port);
}

static void adopt(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    void *parser = NULL;
    bufferevent_getcb(connection->stream, NULL, NULL, NULL, &parser);
    int fd = bufferevent_getfd(connection->stream);
    if (parser == NULL || fd < 0) { /* libevent could not set it up and has closed it */
        connection_drop(connection);
        return;
    }
    connection->parser = parser;
    evhttp_connection_set_closecb(connection->parser, on_close, connection);
    if (connection->is_refused || !connections_enter(&server->connections, connection, fd) ||
        evbuffer_add_cb(bufferevent_get_input(connection->stream), on_input, connection) == NULL) {
        connection_cut(connection);
        return;
    }
    describe_peer(connection);
    connection->phase = CONNECTION_IDLE;
    connection_set_deadline(connection, server->limits.idle_timeout_ms);
    connection_look_for_request(connection);
}

void connection_take_turn(struct http_connection *connection)
{
    if (connection->phase == CONNECTION_ARRIVED)
        adopt(connection);
    else
        linger(connection);
}
