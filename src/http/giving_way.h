/*
 * Giving way: who goes when there is no place, or no room for a reply.
 *
 * Places    connections_max. A newcomer for whom none is left takes the place of whoever gives way
 *           first (enum connection_rank). The last of them are kept: while all others are being
 *           served, a connection there is closed after each reply, unless a valid token has come by
 *           it, and half of them are for routes without admission only.
 * Replies   One for which there is no room ends connections that have taken nothing of theirs for a
 *           while, slowest first.
 */
#ifndef HTTP_GIVING_WAY_H
#define HTTP_GIVING_WAY_H

#include "server_state.h"

enum connection_place place_for_newcomer(struct http_server *server);

/* False: nobody can go. */
bool place_free_one(struct http_server *server);

/* True: a reply of this length may be written. */
bool reply_finds_room(struct http_server *server, size_t len);

#endif
