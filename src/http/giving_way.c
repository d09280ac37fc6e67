#include "giving_way.h"

#include "connection.h"
#include "connections.h"
#include "core/clock.h"
#include "room.h"

enum {
    EXTRA_DIVISOR = 16, /* of all places, this part is kept */
    EXTRA_MAX = 64,
    SMALL_REPLY_BYTES = 16 * 1024, /* such a reply needs no room */
    STALLED_MS = 1000
};

bool place_free_one(struct http_server *server)
{
    struct http_connection *first = connections_first_to_go(&server->connections);
    if (first == NULL)
        return false;
    connection_cut(first);
    return true;
}

enum connection_place place_for_newcomer(struct http_server *server)
{
    const struct connections *connections = &server->connections;
    size_t max = server->limits.connections_max;
    size_t extra = max / EXTRA_DIVISOR < EXTRA_MAX ? max / EXTRA_DIVISOR : EXTRA_MAX;
    if (connections->count < max - extra || place_free_one(server))
        return PLACE_USUAL;
    if (connections->count >= max)
        return PLACE_NONE;
    return max - connections->count > extra / 2 ? PLACE_EXTRA : PLACE_LAST;
}

/* What the sockets have taken meanwhile is seen here. */
static bool is_stalled(struct http_connection *connection, int64_t now_ms)
{
    if (connection->phase != CONNECTION_REPLYING)
        return false;
    connection_credit_reply(connection, now_ms);
    return connection->reply_left > 0 && connection->taken_ms <= now_ms - STALLED_MS;
}

/* The one that has taken nothing for longest, if that is long; NULL: none. */
static struct http_connection *find_stalled(struct http_server *server)
{
    int64_t now_ms = clock_mono_ms();
    int64_t slowest_ms = INT64_MAX;
    struct http_connection *slowest = NULL;
    struct http_connection *connection = NULL;
    LIST_FOREACH(connection, &server->connections.list, link)
    {
        if (!is_stalled(connection, now_ms) || connection->taken_ms >= slowest_ms)
            continue;
        slowest_ms = connection->taken_ms;
        slowest = connection;
    }
    return slowest;
}

bool reply_finds_room(struct http_server *server, size_t len)
{
    if (len <= SMALL_REPLY_BYTES)
        return true;
    struct http_connection *stalled = NULL;
    while (!room_has_reply(server, len) && (stalled = find_stalled(server)) != NULL)
        connection_cut(stalled);
    return room_has_reply(server, len);
}
