/*
 * A reply, and what is left of its request afterwards. The request is a part of its connection and
 * used again for the next one: nothing is allocated for it, unless its head is long or it has a
 * body.
 */
#include "connection.h"
#include "giving_way.h"
#include "http/server.h"
#include "server_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BODY_PIECE_BYTES = 16 * 1024, /* a record of TLS */
    REPLY_HEAD_BYTES = 2048,
    KEPT_BODY_BYTES = 4 * 1024 /* so much stays allocated for the next request */
};

/* The head of a reply as it is written: into the output whenever it is full. */
struct reply_head {
    struct evbuffer *output;
    size_t len;
    bool failed; /* no memory */
    char text[REPLY_HEAD_BYTES];
};

static void flush(struct reply_head *head)
{
    if (evbuffer_add(head->output, head->text, head->len) != 0)
        head->failed = true;
    head->len = 0;
}

static void add_text(struct reply_head *head, const char *text)
{
    size_t len = strlen(text);
    if (len > sizeof(head->text) - head->len)
        flush(head);
    if (len > sizeof(head->text)) {
        if (evbuffer_add(head->output, text, len) != 0)
            head->failed = true;
        return;
    }
    memcpy(head->text + head->len, text, len);
    head->len += len;
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

static void add_line(struct reply_head *head, const char *name, const char *value)
{
    add_text(head, name);
    add_text(head, ": ");
    add_text(head, value);
    add_text(head, "\r\n");
}

static void add_header(struct reply_head *head, const char *name, const char *value)
{
    if (!has_control_character(name) && !has_control_character(value))
        add_line(head, name, value);
}

static bool has_length(enum http_code code)
{
    return code != HTTP_CODE_NO_CONTENT && code != HTTP_CODE_NOT_MODIFIED;
}

static const char *phrase_of(enum http_code code)
{
    static const struct {
        enum http_code code;
        const char *phrase;
    } phrases[] = {
        {HTTP_CODE_OK, "OK"},
        {HTTP_CODE_CREATED, "Created"},
        {HTTP_CODE_ACCEPTED, "Accepted"},
        {HTTP_CODE_NO_CONTENT, "No Content"},
        {HTTP_CODE_NOT_MODIFIED, "Not Modified"},
        {HTTP_CODE_BAD_REQUEST, "Bad Request"},
        {HTTP_CODE_UNAUTHORIZED, "Unauthorized"},
        {HTTP_CODE_FORBIDDEN, "Forbidden"},
        {HTTP_CODE_NOT_FOUND, "Not Found"},
        {HTTP_CODE_METHOD_NOT_ALLOWED, "Method Not Allowed"},
        {HTTP_CODE_NOT_ACCEPTABLE, "Not Acceptable"},
        {HTTP_CODE_TIMEOUT, "Request Timeout"},
        {HTTP_CODE_CONFLICT, "Conflict"},
        {HTTP_CODE_PRECONDITION_FAILED, "Precondition Failed"},
        {HTTP_CODE_TOO_LARGE, "Content Too Large"},
        {HTTP_CODE_UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"},
        {HTTP_CODE_INTERNAL, "Internal Server Error"},
        {HTTP_CODE_UNAVAILABLE, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].code == code)
            return phrases[i].phrase;
    return "";
}

static void add_status(struct reply_head *head, enum http_code code)
{
    char line[64];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", (int)code, phrase_of(code));
    add_text(head, line);
}

static void add_length(struct reply_head *head, size_t len)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%zu", len);
    add_line(head, "Content-Length", text);
}

static void add_allow(struct reply_head *head, const struct http_request *request)
{
    char text[ROUTER_METHODS_SIZE];
    router_methods_text(request->match.methods, text);
    add_line(head, "Allow", text);
}

static void add_headers(struct reply_head *head, const struct http_request *request,
                        const struct http_response *response)
{
    if (response->content_type != NULL)
        add_header(head, "Content-Type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        add_header(head, response->headers[i].name, response->headers[i].value);
    if (response->code == HTTP_CODE_METHOD_NOT_ALLOWED && request->match.methods != 0)
        add_allow(head, request);
    add_line(head, "X-Correlation-ID", request->correlation_id);
    add_line(head, "Date", date_of(request->connection->server));
    if (request->ends_connection)
        add_line(head, "Connection", "close");
    else if (request->head.minor == 0)
        add_line(head, "Connection", "keep-alive");
    add_text(head, "\r\n");
}

/* Most replies fit into the socket. Written now, they need no word to epoll and no further pass of
 * the loop; what does not fit, and any error, is left to libevent, which does not wait to write
 * otherwise. */
void stream_write_at_once(struct http_connection *connection)
{
    if (connection->is_tls)
        return;
    struct evbuffer *output = bufferevent_get_output(connection->stream);
    (void)evbuffer_unfreeze(output, 1); /* it is libevent's to take from */
    (void)evbuffer_write(output, connection->fd);
    (void)evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output) > 0)
        (void)bufferevent_enable(connection->stream, EV_WRITE);
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

static bool is_over(const struct http_connection *connection)
{
    return connection->server->is_draining ||
           (connection->place != PLACE_USUAL && !connection->is_trusted);
}

/* What is in the output cannot be taken back: without memory for the rest the connection ends. */
static void send_reply(struct http_request *request, const struct http_response *response)
{
    struct http_connection *connection = request->connection;
    struct evbuffer *output = bufferevent_get_output(connection->stream);
    struct reply_head head = {.output = output};
    size_t len = response->body == NULL || !has_length(response->code) ? 0 : response->body_len;
    if (is_over(connection))
        request->ends_connection = true;

    add_status(&head, response->code);
    if (has_length(response->code))
        add_length(&head, len);
    add_headers(&head, request, response);
    flush(&head);
    bool has_body = len > 0 && request->head.method != HTTP_METHOD_HEAD;
    if (head.failed || (has_body && !add_body(output, response->body, len))) {
        connection_cut(connection);
        return;
    }
    stream_write_at_once(connection);
    connection_begin_reply(connection);
}

static bool is_proper(const struct http_response *response)
{
    return response->code >= 200 && response->code <= 599 &&
           response->header_count <= HTTP_HEADERS_MAX;
}

void request_end(struct http_request *request)
{
    request->pending = false;
    if (request->text != request->short_text)
        free(request->text);
    request->text = request->short_text;
    request->text_size = sizeof(request->short_text);
    if (request->body.capacity > KEPT_BODY_BYTES)
        buffer_done(&request->body);
    else
        buffer_clear(&request->body);
}

void request_release(struct http_request *request)
{
    void (*release)(void *) = request->release;
    request->release = NULL;
    if (release != NULL)
        release(request->state);
}

static bool has_room(const struct http_request *request, const struct http_response *response)
{
    const struct http_connection *connection = request->connection;
    return connection->phase == CONNECTION_CLOSED || response->body == NULL ||
           reply_finds_room(connection->server, response->body_len);
}

void http_reply(struct http_request *request, const struct http_response *response)
{
    assert(request->pending && is_proper(response));
    struct http_connection *connection = request->connection;
    if (!has_room(request, response)) {
        const struct http_server *server = connection->server;
        server->refuse(server->context, request, HTTP_CODE_UNAVAILABLE);
        return;
    }
    if (connection->phase != CONNECTION_CLOSED)
        send_reply(request, response);
    request_end(request);
    request_release(request);
    connection_advance(connection);
}
