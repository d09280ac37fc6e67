/*
 * Room: the memory that all connections share.
 *
 * Limits    bodies_bytes_max for all that has come and is kept, of which heads that are not complete
 *           may use half; replies_bytes_max for all that was not taken yet
 * Memory    The allocator keeps what was freed; after a burst it is told to return it.
 */
#ifndef HTTP_ROOM_H
#define HTTP_ROOM_H

#include "server_state.h"

/* May so many more bytes be kept of a body, or of a head that is still to come? */
bool room_has_body(const struct http_server *server, size_t more);
bool room_has_head(const struct http_server *server, size_t more);

/* May a reply of this length be written? A single one always may. */
bool room_has_reply(const struct http_server *server, size_t len);

/* Counts anew what the connection keeps, and what it has not sent; nothing of it when it is closed.
 */
void room_count_held(struct http_connection *connection);
void room_count_unsent(struct http_connection *connection);

void room_give_back(struct http_server *server);

#endif
