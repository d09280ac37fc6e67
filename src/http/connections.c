#include "connections.h"

void connections_init(struct connections *connections)
{
    LIST_INIT(&connections->list);
    for (int rank = 0; rank < RANK_COUNT; rank++)
        TAILQ_INIT(&connections->ranks[rank]);
}

static enum connection_rank rank_of(const struct http_connection *connection)
{
    switch (connection->phase) {
    case CONNECTION_IDLE:
        if (connection->is_trusted)
            return RANK_TRUSTED;
        return connection->has_answered ? RANK_IDLE : RANK_UNKNOWN;
    case CONNECTION_READING:
        return connection->is_trusted ? RANK_BUSY : RANK_UNKNOWN;
    case CONNECTION_LINGERING:
        return RANK_LINGERING;
    case CONNECTION_HANDLING:
    case CONNECTION_REPLYING:
    case CONNECTION_CLOSED:
        break;
    }
    return RANK_BUSY;
}

static void enter(struct connections *connections, struct http_connection *connection)
{
    connection->rank = rank_of(connection);
    TAILQ_INSERT_TAIL(&connections->ranks[connection->rank], connection, rank_link);
}

static void leave(struct connections *connections, struct http_connection *connection)
{
    TAILQ_REMOVE(&connections->ranks[connection->rank], connection, rank_link);
}

void connections_add(struct connections *connections, struct http_connection *connection)
{
    LIST_INSERT_HEAD(&connections->list, connection, link);
    connections->count++;
    enter(connections, connection);
}

void connections_remove(struct connections *connections, struct http_connection *connection)
{
    leave(connections, connection);
    LIST_REMOVE(connection, link);
    connections->count--;
}

/* Who stays in a rank keeps its place there: a client that sends a byte now and then is not newer
 * for it. */
void connections_rank(struct connections *connections, struct http_connection *connection)
{
    if (rank_of(connection) == connection->rank)
        return;
    leave(connections, connection);
    enter(connections, connection);
}

struct http_connection *connections_first_to_go(const struct connections *connections)
{
    for (int rank = 0; rank < RANK_BUSY; rank++)
        if (!TAILQ_EMPTY(&connections->ranks[rank]))
            return TAILQ_FIRST(&connections->ranks[rank]);
    return NULL;
}
