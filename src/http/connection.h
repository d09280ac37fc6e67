/* A connection from accept to close; connection.c says how it goes. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "server_state.h"

/* For evhttp; the context is the listener. */
struct bufferevent *connection_open(struct event_base *base, void *context);
void connection_look_for_request(struct http_connection *connection); /* when idle */
void connection_cut(struct http_connection *connection);
void connection_drop(struct http_connection *connection);
void connection_set_deadline(struct http_connection *connection, int64_t timeout_ms);
void connection_begin_reply(struct http_connection *connection); /* it is in the output */
void connection_credit_reply(struct http_connection *connection, int64_t now_ms);

/* Does what libevent's callbacks had to leave for later. */
void connection_take_turn(struct http_connection *connection);

#endif
