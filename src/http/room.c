#include "room.h"

#include <malloc.h>

enum {
    CONNECTION_BYTES = 16 * 1024, /* roughly, with TLS */
    GIVE_BACK_BYTES = 8 * 1024 * 1024
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* One body and one reply always fit, whatever the totals say. */
static size_t held_bytes_max(const struct http_server *server)
{
    return larger(server->limits.bodies_bytes_max, server->limits.body_bytes_max);
}

bool room_has_body(const struct http_server *server, size_t more)
{
    size_t max = held_bytes_max(server);
    return server->room.held_bytes <= max && more <= max - server->room.held_bytes;
}

bool room_has_head(const struct http_server *server, size_t more)
{
    size_t max = held_bytes_max(server) / 2;
    return server->room.held_bytes <= max && more <= max - server->room.held_bytes;
}

bool room_has_reply(const struct http_server *server, size_t len)
{
    size_t max = server->limits.replies_bytes_max;
    size_t unsent = server->room.unsent_bytes;
    return unsent == 0 || (unsent <= max && len <= max - unsent);
}

static size_t used_bytes(const struct http_server *server)
{
    return server->room.held_bytes + server->room.unsent_bytes +
           server->connections.count * CONNECTION_BYTES;
}

static void note_peak(struct http_server *server)
{
    server->room.peak_bytes = larger(server->room.peak_bytes, used_bytes(server));
}

static size_t kept_by(const struct http_connection *connection)
{
    if (connection->phase == CONNECTION_CLOSED)
        return 0;
    const struct http_request *request = &connection->request;
    size_t input = evbuffer_get_length(bufferevent_get_input(connection->stream));
    size_t text = request->text_size > sizeof(request->short_text) ? request->text_size : 0;
    bool is_reserved = request->stage == STAGE_BODY && request->is_admitted &&
                       connection->phase == CONNECTION_READING && request->head.has_length;
    size_t body = is_reserved ? (size_t)request->head.length : 0;
    return input + text + larger(body, request->body.capacity);
}

void room_count_held(struct http_connection *connection)
{
    size_t kept = kept_by(connection);
    if (kept == connection->held_bytes)
        return;
    struct http_server *server = connection->server;
    server->room.held_bytes += kept - connection->held_bytes;
    connection->held_bytes = kept;
    note_peak(server);
}

void room_count_unsent(struct http_connection *connection)
{
    size_t left = connection->phase != CONNECTION_REPLYING
                      ? 0
                      : evbuffer_get_length(bufferevent_get_output(connection->stream));
    if (left == connection->reply_left)
        return;
    struct http_server *server = connection->server;
    server->room.unsent_bytes += left - connection->reply_left;
    connection->reply_left = left;
    note_peak(server);
}

void room_give_back(struct http_server *server)
{
    size_t used = used_bytes(server);
    note_peak(server);
    size_t peak = server->room.peak_bytes;
    if (peak - used < GIVE_BACK_BYTES || used > peak / 2)
        return;
    (void)malloc_trim(0);
    server->room.peak_bytes = used;
}
