/*
 * A request from its first byte to its handler, or to the refusal.
 *
 *   head -> route -> admission -> body -> handler
 *
 * Who may not do what he asks for is told so before his body is waited for: the route's admission
 * is asked as soon as the head is there, unless the whole body has come along with it. What is left of
 * a small body is thrown away when it comes; else the reply ends the connection, and so it does when
 * nobody knows whether the client goes on to send the body. A body that nobody is going to read,
 * since its route has no admission or there is no route, is not kept.
 *
 * Messages of which two readers may see different ends (RFC 9112 section 6.3), the stuff of request
 * smuggling behind a proxy, are refused (head.h, chunks.h), and the connection ends.
 */
#include "connection.h"
#include "room.h"
#include "server_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SMALL_HEAD_BYTES = 4 * 1024, /* a head that is not complete may keep so much in any case */
    UNREAD_BYTES_MAX = 64 * 1024 /* of a refused body: more is not waited for */
};

void request_begin(struct http_request *request)
{
    assert(!request->pending);
    request->stage = STAGE_HEAD;
    request->is_admitted = false;
    request->ends_connection = false;
    request->was_asked_for = false;
    request->scanned = 0;
    request->head = (struct head){.method = HTTP_METHOD_OTHER};
    request->uri.path = "";
    request->uri.segment_count = 0;
    request->uri.query_count = 0;
    request->match.route = NULL;
    request->match.methods = 0;
    request->match.parameter_count = 0;
    request->chunks = (struct chunks){.place = CHUNKS_SIZE};
    request->body_taken = 0;
    request->state = NULL;
    request->release = NULL;
    correlation_next(&request->connection->server->correlation, request->correlation_id);
}

static struct evbuffer *input_of(const struct http_request *request)
{
    return bufferevent_get_input(request->connection->stream);
}

/* From here to the reply it is somebody else's. */
static void hand_over(struct http_request *request)
{
    request->pending = true;
    connection_enter(request->connection, CONNECTION_HANDLING);
}

void request_refuse(struct http_request *request, enum http_code code)
{
    const struct http_server *server = request->connection->server;
    request->ends_connection = true;
    hand_over(request);
    server->refuse(server->context, request, code);
}

static bool refuse(struct http_request *request, enum http_code code)
{
    request_refuse(request, code);
    return true;
}

/* ---- the head ---- */

/* Room for the head, a NUL, and the parts of a target as long as the head can have. */
static bool make_room(struct http_request *request, size_t head_len)
{
    size_t size = head_len + uri_text_size(head_len);
    request->text = request->short_text;
    request->text_size = sizeof(request->short_text);
    if (size <= sizeof(request->short_text))
        return true;
    char *text = malloc(size);
    if (text == NULL)
        return false;
    request->text = text;
    request->text_size = size;
    return true;
}

static bool read_head(struct http_request *request, size_t len)
{
    (void)evbuffer_remove(input_of(request), request->text, len);
    struct head head;
    if (!head_parse(request->text, len, &head))
        return false;
    if (!uri_parse(head.target, request->text + len, &request->uri))
        return false;
    request->head = head;
    return true;
}

/* HEAD with a body, and methods that nobody knows, are not understood alike by all: where the next
 * request begins is not known for sure. */
static bool ends_in_doubt(const struct head *head)
{
    bool has_body = head->is_chunked || head->length > 0;
    return head->method == HTTP_METHOD_OTHER || (head->method == HTTP_METHOD_HEAD && has_body);
}

static bool take_head(struct http_request *request, size_t len)
{
    const struct http_server *server = request->connection->server;
    if (!make_room(request, len))
        return refuse(request, HTTP_CODE_UNAVAILABLE);
    if (!read_head(request, len))
        return refuse(request, HTTP_CODE_BAD_REQUEST);
    const struct head *head = &request->head;
    if (!head->is_kept || ends_in_doubt(head))
        request->ends_connection = true;
    if (head->length > server->limits.body_bytes_max)
        return refuse(request, HTTP_CODE_TOO_LARGE);
    router_match(server->router, head->method, request->uri.segments, request->uri.segment_count,
                 &request->match);
    request->stage = STAGE_BODY;
    return true;
}

/* A client that has ended in the middle of a request is gone. */
static bool wait_for_more(struct http_request *request)
{
    if (request->connection->has_ended)
        connection_drop(request->connection);
    return false;
}

static bool receive_head(struct http_request *request)
{
    const struct http_server *server = request->connection->server;
    struct evbuffer *input = input_of(request);
    size_t max = server->limits.header_bytes_max;
    size_t len = evbuffer_get_length(input);
    if (len > max)
        len = max;
    const char *bytes = (const char *)evbuffer_pullup(input, (ev_ssize_t)len);
    if (bytes == NULL)
        return refuse(request, HTTP_CODE_UNAVAILABLE);
    switch (head_scan(bytes, len, &request->scanned)) {
    case HEAD_COMPLETE:
        return take_head(request, request->scanned);
    case HEAD_BROKEN:
        return refuse(request, HTTP_CODE_BAD_REQUEST);
    case HEAD_PARTIAL:
        break;
    }
    if (len == max)
        return refuse(request, HTTP_CODE_BAD_REQUEST);
    if (len > SMALL_HEAD_BYTES && !room_has_head(server, len - request->connection->held_bytes))
        return refuse(request, HTTP_CODE_UNAVAILABLE);
    return wait_for_more(request);
}

/* ---- the body ---- */

static bool is_read(const struct http_request *request)
{
    return request->match.route != NULL && request->match.route->admit != NULL;
}

/* Takes bytes of the body out of the input. */
static enum http_code take_bytes(struct http_request *request, size_t len)
{
    const struct http_server *server = request->connection->server;
    struct evbuffer *input = input_of(request);
    struct buffer *body = &request->body;
    if (len > server->limits.body_bytes_max - request->body_taken)
        return HTTP_CODE_TOO_LARGE;
    request->body_taken += len;
    if (!is_read(request)) {
        (void)evbuffer_drain(input, len);
        return HTTP_CODE_OK;
    }
    struct error ignored;
    bool fits = request->head.has_length || body->len + len < body->capacity ||
                room_has_body(server, body->capacity + len);
    if (!fits || buffer_reserve(body, len, &ignored) != STATUS_OK)
        return HTTP_CODE_UNAVAILABLE;
    (void)evbuffer_remove(input, body->bytes + body->len, len);
    body->len += len;
    body->bytes[body->len] = '\0';
    return HTTP_CODE_OK;
}

static size_t smaller(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

static enum http_code take_plain_body(struct http_request *request)
{
    size_t here = evbuffer_get_length(input_of(request));
    uint64_t left = request->head.length - request->body_taken;
    enum http_code code = HTTP_CODE_OK;
    if (left > 0 && here > 0)
        code = take_bytes(request, smaller(left, here));
    if (request->body_taken == request->head.length)
        request->stage = STAGE_COMPLETE;
    return code;
}

/* A chunk that says that it is too large is not waited for. */
static enum http_code take_chunk(struct http_request *request)
{
    const struct http_server *server = request->connection->server;
    struct chunks *chunks = &request->chunks;
    if (chunks->left > server->limits.body_bytes_max - request->body_taken)
        return HTTP_CODE_TOO_LARGE;
    size_t here = evbuffer_get_length(input_of(request));
    size_t len = smaller(chunks->left, here);
    enum http_code code = take_bytes(request, len);
    if (code == HTTP_CODE_OK)
        chunks_taken(chunks, len);
    return code;
}

static enum http_code take_chunked_body(struct http_request *request)
{
    struct evbuffer *input = input_of(request);
    enum chunks_result result;
    while ((result = chunks_next(&request->chunks, input)) == CHUNKS_HAVE_DATA &&
           evbuffer_get_length(input) > 0) {
        enum http_code code = take_chunk(request);
        if (code != HTTP_CODE_OK)
            return code;
    }
    if (result == CHUNKS_ENDED)
        request->stage = STAGE_COMPLETE;
    return result == CHUNKS_BROKEN ? HTTP_CODE_BAD_REQUEST : HTTP_CODE_OK;
}

/* ---- the route ---- */

/* False: refused, and answered. */
static bool find_route(struct http_request *request)
{
    const struct http_server *server = request->connection->server;
    const struct route_match *match = &request->match;
    if (match->route != NULL &&
        (match->route->admit == NULL || request->connection->place != PLACE_LAST))
        return true;
    enum http_code code = HTTP_CODE_NOT_FOUND;
    if (match->route != NULL)
        code = HTTP_CODE_UNAVAILABLE; /* its place is kept for others */
    else if (match->methods != 0)
        code = HTTP_CODE_METHOD_NOT_ALLOWED;
    server->refuse(server->context, request, code);
    return false;
}

/* Whoever refuses it now does not read the rest of its body. */
static void expect_refusal(struct http_request *request)
{
    const struct head *head = &request->head;
    if (request->stage == STAGE_COMPLETE)
        return;
    uint64_t left = head->length - request->body_taken;
    if (head->is_chunked || head->expects_continue || left > UNREAD_BYTES_MAX)
        request->ends_connection = true;
    else
        request->connection->unread_bytes = left;
}

/* False: it was refused, and is answered. */
static bool admit(struct http_request *request)
{
    const struct http_server *server = request->connection->server;
    bool kept = request->ends_connection;
    expect_refusal(request);
    hand_over(request);
    if (!find_route(request))
        return false;
    const struct http_route *route = request->match.route;
    if (route->admit != NULL && !route->admit(server->context, request))
        return false;
    request->ends_connection = kept;
    request->connection->unread_bytes = 0;
    request->is_admitted = true;
    return true;
}

static void ask_for_body(struct http_request *request)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_connection *connection = request->connection;
    bool waits = request->head.expects_continue && request->head.minor > 0 &&
                 request->body_taken == 0 && evbuffer_get_length(input_of(request)) == 0;
    if (request->was_asked_for || !waits)
        return;
    request->was_asked_for = true;
    if (evbuffer_add(bufferevent_get_output(connection->stream), go_on, sizeof(go_on) - 1) == 0)
        stream_write_at_once(connection);
}

/* The rest of the body is worth waiting for, if there is room for it. */
static bool begin_waiting(struct http_request *request)
{
    const struct http_server *server = request->connection->server;
    const struct head *head = &request->head;
    if (is_read(request) && head->has_length && !room_has_body(server, (size_t)head->length))
        return refuse(request, HTTP_CODE_UNAVAILABLE);
    request->pending = false;
    connection_enter(request->connection, CONNECTION_READING);
    ask_for_body(request);
    return wait_for_more(request);
}

static bool receive_body(struct http_request *request)
{
    enum http_code code =
        request->head.is_chunked ? take_chunked_body(request) : take_plain_body(request);
    if (code != HTTP_CODE_OK)
        return refuse(request, code);
    bool is_complete = request->stage == STAGE_COMPLETE;
    if (request->is_admitted && !is_complete)
        return wait_for_more(request);
    if (request->is_admitted)
        hand_over(request);
    else if (!admit(request))
        return true;
    if (!is_complete)
        return begin_waiting(request);
    request->match.route->handle(request->connection->server->context, request);
    return true;
}

bool request_receive(struct http_request *request)
{
    return request->stage == STAGE_HEAD ? receive_head(request) : receive_body(request);
}
