/*
 * A request from its dispatch to the moment when its reply was taken. The request is a part of its
 * connection and used again for the next one: nothing is allocated for it, unless its target is
 * long.
 */
#include "connection.h"
#include "core/clock.h"
#include "http/server.h"
#include "server_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_PIECE_BYTES = 16 * 1024 }; /* a record of TLS */

static void end_connection(struct evhttp_request *raw)
{
    /* What the client said of it has been heard; libevent would answer it a second time. */
    (void)evhttp_remove_header(evhttp_request_get_input_headers(raw), "Connection");
    (void)evhttp_add_header(evhttp_request_get_output_headers(raw), "Connection", "close");
}

/* The reply has been taken. libevent looks at the headers after this, to see whether to close. A
 * reply from before the drain has promised to keep the connection: the next request may be on its
 * way. */
static void on_complete(struct evhttp_request *raw, void *context)
{
    (void)raw;
    struct http_connection *connection = context;
    struct http_server *server = connection->server;
    connection->has_answered = true;
    connection->phase = CONNECTION_IDLE;
    connection_set_deadline(connection,
                            server->is_draining ? DRAIN_GRACE_MS : server->limits.idle_timeout_ms);
    connection_look_for_request(connection); /* pipelined */
}

void request_begin(struct http_request *request, struct evhttp_request *raw)
{
    struct http_connection *connection = request->connection;
    assert(!request->pending);
    request->raw = raw;
    request->pending = true;
    request->ends_connection = false;
    request->uri.path = "";
    request->uri.segment_count = 0;
    request->uri.query_count = 0;
    request->match.methods = 0;
    request->match.parameter_count = 0;
    request->text = request->short_text;
    request->state = NULL;
    request->release = NULL;
    correlation_next(&connection->server->correlation, request->correlation_id);

    connection->phase = CONNECTION_HANDLING;
    connection->has_answered = false;
    evhttp_request_set_on_complete_cb(raw, on_complete, connection);
}

/* Made once a second, not once a reply. */
static const char *date_of(struct http_server *server)
{
    time_t now = time(NULL);
    if (now != server->date_second) {
        struct tm utc;
        (void)gmtime_r(&now, &utc);
        (void)evutil_date_rfc1123(server->date, sizeof(server->date), &utc);
        server->date_second = now;
    }
    return server->date;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return true;
    return false;
}

static void add_header(struct evhttp_request *raw, const char *name, const char *value)
{
    if (!has_control_character(name) && !has_control_character(value))
        (void)evhttp_add_header(evhttp_request_get_output_headers(raw), name, value);
}

static bool has_length(enum http_code code)
{
    return code != HTTP_CODE_NO_CONTENT && code != HTTP_CODE_NOT_MODIFIED;
}

static void add_length(struct evhttp_request *raw, size_t len)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%zu", len);
    add_header(raw, "Content-Length", text);
}

static void add_allow(const struct http_request *request)
{
    char text[ROUTER_METHODS_SIZE];
    router_methods_text(request->match.methods, text);
    add_header(request->raw, "Allow", text);
}

static void add_headers(const struct http_request *request, const struct http_response *response)
{
    struct evhttp_request *raw = request->raw;
    struct http_server *server = request->connection->server;
    if (response->content_type != NULL)
        add_header(raw, "Content-Type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        add_header(raw, response->headers[i].name, response->headers[i].value);
    if (response->code == HTTP_CODE_METHOD_NOT_ALLOWED && request->match.methods != 0)
        add_allow(request);
    add_header(raw, "X-Correlation-ID", request->correlation_id);
    add_header(raw, "Date", date_of(server));
    if (request->ends_connection || server->is_draining)
        end_connection(raw);
}

/* Most replies fit into the socket. Written now, they need no word to epoll and no further pass of
 * the loop; what does not fit, and any error, is left to libevent. It is told of the end by its own
 * callback, after we have returned. */
static void write_at_once(struct http_connection *connection)
{
    if (connection->is_tls)
        return;
    struct evbuffer *output = bufferevent_get_output(connection->stream);
    (void)evbuffer_unfreeze(output, 1); /* it is libevent's to take from */
    (void)evbuffer_write(output, connection->fd);
    (void)evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output) > 0)
        return;
    (void)bufferevent_disable(connection->stream, EV_WRITE);
    bufferevent_trigger(connection->stream, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

/* In pieces, since a TLS connection gives back a piece as a whole only: how far the client is would
 * not be seen of a single one. */
static bool add_body(struct evbuffer *output, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t piece = len < BODY_PIECE_BYTES ? len : BODY_PIECE_BYTES;
        if (evbuffer_add(output, bytes, piece) != 0)
            return false;
        bytes += piece;
        len -= piece;
    }
    return true;
}

static void send_reply(struct http_request *request, const struct http_response *response)
{
    struct evhttp_request *raw = request->raw;
    enum http_code code = response->code;
    size_t len = response->body == NULL || !has_length(code) ? 0 : response->body_len;

    if (len > 0 && request->method != HTTP_METHOD_HEAD &&
        !add_body(evhttp_request_get_output_buffer(raw), response->body, len)) {
        code = HTTP_CODE_INTERNAL; /* no memory: the least that can be said */
        len = 0;
        request->ends_connection = true;
    }
    if (has_length(code))
        add_length(raw, len);
    add_headers(request, response);
    evhttp_send_reply(raw, (int)code, NULL, NULL);
    connection_begin_reply(request->connection);
    write_at_once(request->connection);
}

static bool is_proper(const struct http_response *response)
{
    return response->code >= 200 && response->code <= 599 &&
           response->header_count <= HTTP_HEADERS_MAX;
}

static void request_end(struct http_request *request)
{
    request->pending = false;
    request->raw = NULL;
    if (request->text != request->short_text)
        free(request->text);
    request->text = NULL;
    if (request->connection->phase == CONNECTION_CLOSED)
        free(request->connection); /* the request is a part of it */
}

void http_reply(struct http_request *request, const struct http_response *response)
{
    assert(request->pending && is_proper(response));
    void (*release)(void *) = request->release;
    void *state = request->state;

    if (request->connection->phase == CONNECTION_CLOSED)
        evhttp_request_free(request->raw); /* into the void */
    else
        send_reply(request, response);
    request_end(request);
    if (release != NULL)
        release(state);
}
