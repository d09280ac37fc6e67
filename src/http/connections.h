/*
 * Connections: all that a server has, in a list, in a table by socket, and in line for a turn.
 *
 * Turn      what a callback of libevent cannot do to its own connection is done by on_turn, from
 *           the same pass of the loop, before any input is read
 * Ownership of a connection is its own (connection.c): here it only is, or is not.
 */
#ifndef HTTP_CONNECTIONS_H
#define HTTP_CONNECTIONS_H

#include "server_state.h"

/* False: no memory. Release it with connections_done() all the same. */
bool connections_init(struct connections *connections, struct event_base *base,
                      connection_fn *on_turn);
void connections_done(struct connections *connections); /* all zeros is fine */

void connections_add(struct connections *connections, struct http_connection *connection);
void connections_remove(struct connections *connections, struct http_connection *connection);

/* It can be found by its socket from now on. False: no memory. */
bool connections_enter(struct connections *connections, struct http_connection *connection, int fd);

/* NULL: none of ours. */
struct http_connection *connections_find(const struct connections *connections,
                                         struct evhttp_request *raw);

void connections_wait_for_turn(struct connections *connections, struct http_connection *connection);

#endif
