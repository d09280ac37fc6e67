#include "connections.h"

#include "core/array.h"

#include <stdlib.h>

static void on_turn(evutil_socket_t fd, short what, void *context)
{
    struct connections *connections = context;
    (void)fd;
    (void)what;
    while (!TAILQ_EMPTY(&connections->turns)) {
        struct http_connection *connection = TAILQ_FIRST(&connections->turns);
        TAILQ_REMOVE(&connections->turns, connection, turn_link);
        connection->has_turn = false;
        connections->on_turn(connection);
    }
}

bool connections_init(struct connections *connections, struct event_base *base,
                      connection_fn *handle_turn)
{
    LIST_INIT(&connections->list);
    TAILQ_INIT(&connections->turns);
    connections->on_turn = handle_turn;
    connections->turn = event_new(base, -1, 0, on_turn, connections);
    return connections->turn != NULL;
}

void connections_done(struct connections *connections)
{
    if (connections->turn != NULL)
        event_free(connections->turn);
    free(connections->by_fd);
}

void connections_add(struct connections *connections, struct http_connection *connection)
{
    LIST_INSERT_HEAD(&connections->list, connection, link);
    connections->count++;
}

void connections_remove(struct connections *connections, struct http_connection *connection)
{
    if (connection->has_turn)
        TAILQ_REMOVE(&connections->turns, connection, turn_link);
    if (connection->fd >= 0)
        connections->by_fd[connection->fd] = NULL;
    LIST_REMOVE(connection, link);
    connections->count--;
}

bool connections_enter(struct connections *connections, struct http_connection *connection, int fd)
{
    struct error ignored;
    size_t before = connections->by_fd_size;
    if (array_reserve(&connections->by_fd, &connections->by_fd_size, (size_t)fd + 1,
                      sizeof(struct http_connection *), /* NOLINT(bugprone-sizeof-expression) */
                      &ignored) != STATUS_OK)
        return false;
    for (size_t i = before; i < connections->by_fd_size; i++)
        connections->by_fd[i] = NULL;
    connections->by_fd[fd] = connection;
    connection->fd = fd;
    return true;
}

struct http_connection *connections_find(const struct connections *connections,
                                         struct evhttp_request *raw)
{
    struct evhttp_connection *parser = evhttp_request_get_connection(raw);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(parser));
    if (fd < 0 || (size_t)fd >= connections->by_fd_size)
        return NULL;
    struct http_connection *connection = connections->by_fd[fd];
    return connection != NULL && connection->parser == parser ? connection : NULL;
}

void connections_wait_for_turn(struct connections *connections, struct http_connection *connection)
{
    connection->has_turn = true;
    TAILQ_INSERT_TAIL(&connections->turns, connection, turn_link);
    event_active(connections->turn, 0, 0);
}
