/*
 * Connections: all that a server has, in a list, in a table by socket, and in line for a turn.
 *
 * Turn      What a callback of libevent cannot do to its own connection is done by on_turn, in the
 *           same pass of the loop, before any input is read.
 * Ownership a connection frees itself (connection.c), and is removed here before
 */
#ifndef HTTP_CONNECTIONS_H
#define HTTP_CONNECTIONS_H

#include "server_state.h"

/* False: no memory. connections_done() releases what there is in either case. */
bool connections_init(struct connections *connections, struct event_base *base,
                      connection_fn *on_turn);
void connections_done(struct connections *connections); /* all zeros is fine */

void connections_add(struct connections *connections, struct http_connection *connection);
void connections_remove(struct connections *connections, struct http_connection *connection);

/* Lets connections_find() find the connection by its socket. False: no memory. */
bool connections_enter(struct connections *connections, struct http_connection *connection, int fd);

/* The connection of a request; NULL: it is none of ours. */
struct http_connection *connections_find(const struct connections *connections,
                                         struct evhttp_request *raw);

void connections_wait_for_turn(struct connections *connections, struct http_connection *connection);

#endif
