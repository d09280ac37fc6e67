/*
 * A connection from accept to close.
 *
 *   IDLE -> READING -> HANDLING -> REPLYING -> IDLE ...
 *                                         \-> LINGERING -> CLOSED
 *
 * Each phase has one deadline, which nothing that the client does can move but to take its reply.
 * Deadlines are looked at by one tick of the server, some eight times in the shortest of them: a
 * timer for each connection would have to be moved three times in each request.
 *
 * connection_advance() is where a connection moves. It is called when something has come, when
 * something was taken, and when a handler has replied; a handler that replies at once is called
 * from it, so that it does not call itself but looks again.
 *
 * Lingering: who closes a socket with unread input sends a reset, which may take the reply out of
 * the client's hands: a 413 for a body that is still on its way would never be read. So after the
 * last reply we keep the connection half closed and throw away what comes, until the client closes,
 * LINGER_BYTES_MAX came or LINGER_MS are over. It counts as a connection meanwhile.
 */
#include "connection.h"

#include "connections.h"
#include "core/clock.h"
#include "room.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Behind the largest head: what is pipelined waits in the socket. */
enum { INPUT_SLACK_BYTES = 4 * 1024, EMPTY_LINES_MAX = 1000 };

void connection_set_deadline(struct http_connection *connection, int64_t timeout_ms)
{
    connection->deadline_ms = clock_mono_ms() + timeout_ms;
}

void connection_enter(struct http_connection *connection, enum connection_phase phase)
{
    connection->phase = phase;
    connections_rank(&connection->server->connections, connection);
}

void connection_trust(struct http_connection *connection)
{
    connection->is_trusted = true;
    if (connection->phase != CONNECTION_CLOSED)
        connections_rank(&connection->server->connections, connection);
}

void connection_begin_reply(struct http_connection *connection)
{
    connection_enter(connection, CONNECTION_REPLYING);
    connection->taken_ms = clock_mono_ms();
    connection->deadline_ms = connection->taken_ms + connection->server->limits.request_timeout_ms;
}

/* What has been taken since the last look moves the deadline on by the time that it may take at the
 * slowest pace, but never further than the time-out from now: who pauses that long is cut, however
 * fast he was, and who is too slow uses up what he had in advance. */
void connection_credit_reply(struct http_connection *connection, int64_t now_ms)
{
    size_t before = connection->reply_left;
    room_count_unsent(connection);
    size_t taken = before > connection->reply_left ? before - connection->reply_left : 0;
    if (taken == 0)
        return;
    int64_t latest_ms = now_ms + connection->server->limits.request_timeout_ms;
    connection->taken_ms = now_ms;
    connection->deadline_ms += (int64_t)taken * 1000 / HTTP_REPLY_BYTES_PER_S_MIN;
    if (connection->deadline_ms > latest_ms)
        connection->deadline_ms = latest_ms;
}

/* ---- the end ---- */

static void connection_free(struct http_connection *connection)
{
    request_release(&connection->request); /* of a request whose body was still awaited */
    request_end(&connection->request);
    buffer_done(&connection->request.body);
    free(connection);
}

/* Closes what is ours of it. The memory stays while a request is pending or it is in use. */
void connection_drop(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    connection->phase = CONNECTION_CLOSED;
    room_count_held(connection);
    room_count_unsent(connection);
    connections_remove(&server->connections, connection);
    bufferevent_free(connection->stream);
    connection->stream = NULL;
    connection->server = NULL;
    connection->fd = -1;

    if (server->is_draining && server->connections.count == 0)
        event_active(server->drain, 0, 0);
    if (!connection->request.pending && !connection->is_advancing)
        connection_free(connection);
}

void connection_cut(struct http_connection *connection)
{
    /* What the client does not take would stay with the kernel for long. */
    if (connection->phase == CONNECTION_REPLYING)
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                         sizeof(struct linger));
    connection_drop(connection);
}

void connection_time_out(struct http_connection *connection)
{
    if (connection->phase != CONNECTION_READING) {
        connection_cut(connection);
        return;
    }
    request_refuse(&connection->request, HTTP_CODE_TIMEOUT);
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

static void throw_away_input(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    size_t len = evbuffer_get_length(input);
    (void)evbuffer_drain(input, len);
    connection->lingered_bytes += len;
    if (connection->lingered_bytes > LINGER_BYTES_MAX)
        connection_drop(connection);
}

static void linger(struct http_connection *connection)
{
    if (connection->has_ended) {
        connection_drop(connection);
        return;
    }
    say_goodbye(connection);
    (void)bufferevent_disable(connection->stream, EV_WRITE);
    (void)shutdown(connection->fd, SHUT_WR);
    connection_enter(connection, CONNECTION_LINGERING);
    connection_set_deadline(connection, LINGER_MS);
    throw_away_input(connection);
}

/* ---- the way ---- */

/* True: nothing is left of a body that was refused. */
static bool skip_unread_body(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    size_t len = evbuffer_get_length(input);
    if (len > connection->unread_bytes)
        len = (size_t)connection->unread_bytes;
    (void)evbuffer_drain(input, len);
    connection->unread_bytes -= len;
    return connection->unread_bytes == 0;
}

/* Empty lines before a request are skipped (RFC 9112 section 2.2), if they are few; they do not move
 * the deadline. True: the input begins with something else. */
static bool skip_empty_lines(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);
    char first[2];
    ev_ssize_t len = 0;
    while ((len = evbuffer_copyout(input, first, sizeof(first))) == 2 && first[0] == '\r' &&
           first[1] == '\n' && connection->empty_lines < EMPTY_LINES_MAX) {
        (void)evbuffer_drain(input, sizeof(first));
        connection->empty_lines++;
    }
    return len > 1 || (len == 1 && first[0] != '\r');
}

static bool look_for_request(struct http_connection *connection)
{
    if (!skip_unread_body(connection) || !skip_empty_lines(connection)) {
        if (connection->has_ended)
            connection_drop(connection);
        return false;
    }
    connection->empty_lines = 0;
    connection_enter(connection, CONNECTION_READING);
    connection_set_deadline(connection, connection->server->limits.request_timeout_ms);
    request_begin(&connection->request);
    return true;
}

/* A reply from before the drain has promised to keep the connection: the next request may be on its
 * way. */
static bool finish_reply(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    room_count_unsent(connection);
    if (connection->reply_left > 0)
        return false;
    connection->has_answered = true;
    if (connection->request.ends_connection) {
        linger(connection);
        return false;
    }
    connection_enter(connection, CONNECTION_IDLE);
    connection_set_deadline(connection,
                            server->is_draining ? DRAIN_GRACE_MS : server->limits.idle_timeout_ms);
    return true;
}

static bool step(struct http_connection *connection)
{
    switch (connection->phase) {
    case CONNECTION_IDLE:
        return look_for_request(connection);
    case CONNECTION_READING:
        return request_receive(&connection->request);
    case CONNECTION_REPLYING:
        return finish_reply(connection);
    case CONNECTION_HANDLING:
    case CONNECTION_LINGERING:
    case CONNECTION_CLOSED:
        break;
    }
    return false;
}

void connection_advance(struct http_connection *connection)
{
    if (connection->is_advancing)
        return;
    connection->is_advancing = true;
    while (step(connection)) {
    }
    connection->is_advancing = false;
    if (connection->phase != CONNECTION_CLOSED)
        room_count_held(connection);
    else if (!connection->request.pending)
        connection_free(connection);
}

static void on_input(struct bufferevent *stream, void *context)
{
    (void)stream;
    struct http_connection *connection = context;
    if (connection->phase == CONNECTION_LINGERING)
        throw_away_input(connection);
    else
        connection_advance(connection);
}

/* All that was to be sent is sent. */
static void on_output(struct bufferevent *stream, void *context)
{
    struct http_connection *connection = context;
    if (!connection->is_tls)
        (void)bufferevent_disable(stream, EV_WRITE);
    connection_advance(connection);
}

/* A client that sends no more may still wait for its answer. */
static void on_event(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    struct http_connection *connection = context;
    if ((what & BEV_EVENT_CONNECTED) != 0)
        return; /* the greeting of TLS is over */
    bool is_busy =
        connection->phase == CONNECTION_HANDLING || connection->phase == CONNECTION_REPLYING;
    if ((what & BEV_EVENT_EOF) == 0 || !is_busy) {
        connection_drop(connection);
        return;
    }
    connection->has_ended = true;
}

/* ---- the beginning ---- */

static struct bufferevent *stream_new(const struct listener *listener, int fd)
{
    struct event_base *base = listener->server->base;
    if (listener->tls == NULL)
        return bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    ERR_clear_error();
    SSL *ssl = SSL_new(listener->tls);
    if (ssl == NULL)
        return NULL;
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (stream == NULL)
        SSL_free(ssl);
    else
        bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    return stream;
}

static void describe_peer(const struct sockaddr *address, char peer[PEER_SIZE])
{
    char text[INET6_ADDRSTRLEN];
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;
    if (address->sa_family == AF_INET &&
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)) != NULL)
        (void)snprintf(peer, PEER_SIZE, "%s:%u", text, (unsigned)ntohs(v4->sin_port));
    else if (address->sa_family == AF_INET6 &&
             inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)) != NULL)
        (void)snprintf(peer, PEER_SIZE, "[%s]:%u", text, (unsigned)ntohs(v6->sin6_port));
    else
        (void)snprintf(peer, PEER_SIZE, "unix");
}

/* NULL: no memory, and the socket is closed. */
static struct http_connection *connection_new(struct listener *listener, int fd)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    struct bufferevent *stream = connection == NULL ? NULL : stream_new(listener, fd);
    if (stream == NULL) {
        free(connection);
        (void)close(fd);
        return NULL;
    }
    connection->server = listener->server;
    connection->stream = stream;
    connection->fd = fd;
    connection->is_tls = listener->tls != NULL;
    connection->request.connection = connection;
    connection->request.text = connection->request.short_text;
    buffer_init(&connection->request.body, listener->server->limits.body_bytes_max);
    return connection;
}

void connection_open(struct listener *listener, int fd, const struct sockaddr *peer,
                     enum connection_place place)
{
    struct http_server *server = listener->server;
    struct http_connection *connection = connection_new(listener, fd);
    if (connection == NULL)
        return;
    connection->place = place;
    describe_peer(peer, connection->peer);
    connections_add(&server->connections, connection);
    connection_set_deadline(connection, server->limits.idle_timeout_ms);
    server_start_tick(server);

    struct bufferevent *stream = connection->stream;
    bufferevent_setcb(stream, on_input, on_output, on_event, connection);
    bufferevent_setwatermark(stream, EV_READ, 0,
                             server->limits.header_bytes_max + INPUT_SLACK_BYTES);
    if (!connection->is_tls)
        (void)bufferevent_disable(stream, EV_WRITE); /* reply.c says why */
    if (bufferevent_enable(stream, EV_READ) != 0)
        connection_drop(connection);
}
