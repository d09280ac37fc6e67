/*
 * From a complete message to its handler, or to the refusal.
 *
 * How libevent's own errors become the API's. evhttp 2.1 answers some requests itself, with a page
 * of HTML: a malformed head (400), a body over the limit (413), a method that it does not know
 * (501), an Expect that it does not understand (417). There is no callback for that (it came as
 * evhttp_set_errorcb in 2.2), and where the head was malformed no callback of ours is ever called.
 * But all of these answers go through one public function, evhttp_send_error(), and libevent calls
 * it through the dynamic symbol table, as it does with all that it exports. So this file defines
 * evhttp_send_error(): the program's definition comes first when the loader looks for the symbol,
 * and the error arrives here with the evhttp_request, that is with connection, method and target
 * as far as they were understood.
 *
 * Looked at and left: watching the output buffer for replies that are not ours works with any
 * build of libevent, but it has to take the page out of a frozen buffer, write status line and
 * headers by hand, and it knows nothing of the request (an unknown method on a known path shall be
 * a 405 with Allow). Parsing the head before libevent does would be a second parser to keep right.
 *
 * What this rests on, and what shows when it breaks:
 *  - This object is always linked, since server.c needs on_request(). A program's symbol that a
 *    shared library also defines is exported by the linker without being asked.
 *  - libevent is not linked with -Bsymbolic: Debian's has a JUMP_SLOT for the function (readelf
 * -r). With -Bsymbolic the pages would be HTML again; the tests in tests/integration/http see that.
 *  - A static libevent_extra.a gives "multiple definition" at link time.
 *  - Programs may have other evhttp servers: for those the answer is libevent's, without a page.
 * A chunk size that is no number is reported as a body that is too large: libevent says no more.
 *
 * What libevent lets pass and we do not: messages of which two readers may see different ends (RFC
 * 9112 section 6.3), the stuff of request smuggling behind a proxy. They get 400 and the
 * connection ends.
 */
#include "connections.h"
#include "server_state.h"

#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum http_method method_of(const struct evhttp_request *raw)
{
    /* EVHTTP_REQ_* are bits; what is not in the switch has no routes. */
    switch ((unsigned)evhttp_request_get_command(raw)) {
    case EVHTTP_REQ_GET:
        return HTTP_METHOD_GET;
    case EVHTTP_REQ_HEAD:
        return HTTP_METHOD_HEAD;
    case EVHTTP_REQ_POST:
        return HTTP_METHOD_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_METHOD_PUT;
    case EVHTTP_REQ_DELETE:
        return HTTP_METHOD_DELETE;
    case EVHTTP_REQ_PATCH:
        return HTTP_METHOD_PATCH;
    case EVHTTP_REQ_OPTIONS:
        return HTTP_METHOD_OPTIONS;
    default:
        return HTTP_METHOD_OTHER;
    }
}

static bool name_is_sound(const char *name)
{
    if (*name == '\0')
        return false;
    for (; *name != '\0'; name++)
        if ((unsigned char)*name <= ' ' || *name == 0x7f)
            return false; /* "Content-Length : 5" is a length to some and none to others */
    return true;
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

struct framing {
    const char *length; /* the value of Content-Length */
    bool is_chunked;
};

static bool look_at_header(const struct evkeyval *header, struct framing *framing)
{
    if (!name_is_sound(header->key))
        return false;
    if (strcasecmp(header->key, "Content-Length") == 0) {
        bool repeated = framing->length != NULL;
        framing->length = header->value;
        return !repeated && is_number(header->value);
    }
    if (strcasecmp(header->key, "Transfer-Encoding") == 0) {
        bool repeated = framing->is_chunked;
        framing->is_chunked = true;
        return !repeated && strcasecmp(header->value, "chunked") == 0;
    }
    return true;
}

/* libevent takes the first Content-Length, ignores it beside Transfer-Encoding, and ignores any
 * encoding but "chunked"; it reads no body for some methods, whatever they announce. */
static bool framing_is_sound(const struct evhttp_request *raw, enum http_method method,
                             bool *ret_has_unread_body)
{
    struct framing framing = {0};
    const struct evkeyval *header;
    for (header = raw->input_headers->tqh_first; header != NULL; header = header->next.tqe_next)
        if (!look_at_header(header, &framing))
            return false;
    bool bodyless = method == HTTP_METHOD_HEAD || method == HTTP_METHOD_OTHER;
    bool announced =
        framing.is_chunked || (framing.length != NULL && strcmp(framing.length, "0") != 0);
    *ret_has_unread_body = bodyless && announced;
    return !(framing.is_chunked && framing.length != NULL);
}

static bool parse_target(struct http_request *request)
{
    const char *target = evhttp_request_get_uri(request->raw);
    if (target == NULL)
        return false;
    size_t size = uri_text_size(strlen(target));
    if (size > sizeof(request->short_text)) {
        request->text = malloc(size);
        if (request->text == NULL)
            return false;
    }
    return uri_parse(target, request->text, &request->uri);
}

static void refuse(struct http_server *server, struct http_request *request, enum http_code code)
{
    if (code == HTTP_CODE_BAD_REQUEST || code == HTTP_CODE_TOO_LARGE)
        request->ends_connection = true;
    server->refuse(server->context, request, code);
}

static void route(struct http_server *server, struct http_request *request)
{
    struct route_match *match = &request->match;
    router_match(server->router, request->method, request->uri.segments, request->uri.segment_count,
                 match);
    if (match->route != NULL)
        match->route->handle(server->context, request);
    else
        refuse(server, request,
               match->methods != 0 ? HTTP_CODE_METHOD_NOT_ALLOWED : HTTP_CODE_NOT_FOUND);
}

/* A version that is not ours is answered in ours. */
static bool settle_version(struct evhttp_request *raw)
{
    bool understood = raw->major == 1 && raw->minor >= 0;
    if (!understood || raw->minor > 1) {
        raw->major = 1;
        raw->minor = 1;
    }
    return understood;
}

static void end_unknown(struct evhttp_request *raw, int code)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(raw), "Connection", "close");
    evhttp_send_reply(raw, code, NULL, NULL);
}

void on_request(struct evhttp_request *raw, void *context)
{
    struct http_server *server = context;
    struct http_connection *connection = connections_find(&server->connections, raw);
    if (connection == NULL) { /* no memory for it when it came */
        end_unknown(raw, HTTP_CODE_UNAVAILABLE);
        return;
    }
    struct http_request *request = &connection->request;
    request_begin(request, raw);
    request->method = method_of(raw);

    bool has_unread_body = false;
    bool sound = settle_version(raw) && framing_is_sound(raw, request->method, &has_unread_body) &&
                 parse_target(request);
    if (has_unread_body)
        request->ends_connection = true;
    if (sound)
        route(server, request);
    else
        refuse(server, request, HTTP_CODE_BAD_REQUEST);
}

/* libevent says 0 (sic) for a method that it does not know; 413 stays; all else is a bad request.
 */
static void refuse_unread(struct http_server *server, struct http_request *request, int error)
{
    request->ends_connection = true;
    if (error == HTTP_ENTITYTOOLARGE)
        refuse(server, request, HTTP_CODE_TOO_LARGE);
    else if ((error == 0 || error == HTTP_NOTIMPLEMENTED) && parse_target(request))
        route(server, request);
    else
        refuse(server, request, HTTP_CODE_BAD_REQUEST);
}

/* Called by libevent: see the top of this file. */
void evhttp_send_error(struct evhttp_request *req, int error, const char *reason)
{
    (void)reason;
    struct evhttp_connection *parser = evhttp_request_get_connection(req);
    const struct listener *listener = listener_of(evhttp_connection_get_server(parser));
    struct http_connection *connection =
        listener == NULL ? NULL : connections_find(&listener->server->connections, req);
    if (connection == NULL) {
        end_unknown(req, error == 0 ? HTTP_NOTIMPLEMENTED : error);
        return;
    }
    (void)bufferevent_disable(connection->stream, EV_READ); /* else the body comes as a request */
    (void)settle_version(req);
    request_begin(&connection->request, req);
    connection->request.method = method_of(req);
    refuse_unread(listener->server, &connection->request, error);
}
