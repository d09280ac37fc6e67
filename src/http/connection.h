/* A connection from accept to close; connection.c says how it goes. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "server_state.h"

#include <sys/socket.h>

/* A client has come; the socket is taken. */
void connection_open(struct listener *listener, int fd, const struct sockaddr *peer,
                     enum connection_place place);

/* Goes on as far as it can: to the next request, to the end of a reply, to the close. */
void connection_advance(struct http_connection *connection);

void connection_enter(struct http_connection *connection, enum connection_phase phase);
void connection_trust(struct http_connection *connection);

/* Ends it before its time, without a word. */
void connection_cut(struct http_connection *connection);
void connection_drop(struct http_connection *connection);

/* Its deadline is over: who is in the middle of a request is told, anybody else is cut. */
void connection_time_out(struct http_connection *connection);

void connection_set_deadline(struct http_connection *connection, int64_t timeout_ms);
void connection_begin_reply(struct http_connection *connection); /* it is in the output */
void connection_credit_reply(struct http_connection *connection, int64_t now_ms);

#endif
