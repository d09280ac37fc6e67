/*
 * Connections: all that a server has, in a list, and by how soon each gives way to a newcomer.
 *
 * Ownership a connection frees itself (connection.c), and is removed here before
 */
#ifndef HTTP_CONNECTIONS_H
#define HTTP_CONNECTIONS_H

#include "server_state.h"

void connections_init(struct connections *connections);

void connections_add(struct connections *connections, struct http_connection *connection);
void connections_remove(struct connections *connections, struct http_connection *connection);

/* To be called when phase or trust of the connection have changed. */
void connections_rank(struct connections *connections, struct http_connection *connection);

/* Who gives way next; NULL: all are being served. */
struct http_connection *connections_first_to_go(const struct connections *connections);

#endif
