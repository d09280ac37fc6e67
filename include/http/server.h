/*
 * HTTP server: listeners, TLS, limits, time-outs, routing, and one reply per request. Handlers see
 * only what is here, and may answer at once or later from the same loop.
 *
 * Limits    all in struct http_limits; what is refused by a limit is answered through the refuse
 *           callback, so that every error body is the API's. Headers over theirs are refused as
 *           400, a body as 413; a request or a reply for which there is no room beside all others
 *           as 503.
 * Places    are connections_max. When all are taken, the connection that is idle for longest gives
 *           way to a newcomer; those on which a valid token came go last, and those that are being
 *           served stay. The last sixteenth of the places is kept while all others are being
 *           served: half of it for routes without admission.
 * Time-outs a connection that is idle between requests: it is closed; a request that is not complete
 *           request_timeout_ms after its first byte (a client that trickles): 408; a reply of which
 *           nothing is taken for the same time, or in the end less than HTTP_REPLY_BYTES_PER_S_MIN:
 *           the connection is closed. A handler has no time-out here.
 * Framing   as RFC 9112 has it, and nothing else: what two readers could understand differently is
 *           refused as 400. Each close after a reply is announced in it ("Connection: close").
 * Names     of headers are matched without case; path segments and query are percent-decoded, '+'
 *           in the query is a space; an empty segment ("//") is skipped
 * Memory    that a burst has used is given back to the system when the burst is over
 * Signals   SIGPIPE gets a handler that does nothing, unless it has one: a client that leaves must
 *           not end the process. A program that is started from it has the default again.
 * Threads   the loop's
 * Source    RFC 9110, RFC 9112
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "core/cleanup.h"
#include "core/error.h"
#include "core/id.h"
#include "http/route.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The table and the context are borrowed. Caller owns *ret_server. HEAD is routed as GET. */
struct http_options {
    const struct http_route *routes;
    size_t route_count;
    http_refuse_fn *refuse;
    void *context; /* for handlers and refuse */
    struct http_limits limits;
};

enum status http_server_new(struct event_base *base, const struct http_options *options,
                            struct http_server **ret_server, struct error *err) MUST_CHECK;

/* Stops listening, closes connections; requests under way may still be replied to (into the void).
 * Not from within a handler. */
void http_server_free(struct http_server *server);
DEFINE_CLEANUP(struct http_server *, http_server_free)

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path" (mode 0660; a stale socket is replaced). With
 * certificate and key (PEM paths) it speaks TLS 1.2 and up. SO_REUSEPORT is set on TCP. */
struct http_listener {
    const char *address;
    const char *certificate; /* NULL: plain HTTP */
    const char *key;
    int socket; /* listens at the address already, and is somebody else's to remove; taken, also on
                   failure. 0: to be opened */
};

/* Does the socket listen, and at the address that the text says? Errors: INVALID: it is no stream
 * socket that listens. */
enum status http_socket_is_at(int fd, const char *text, bool *ret_is, struct error *err) MUST_CHECK;

enum status http_server_listen(struct http_server *server, const struct http_listener *listener,
                               struct error *err) MUST_CHECK;

/* Could a listener use the files? Loads them as it would. Errors: INVALID, with the path, and what
 * the system or OpenSSL says. */
enum status http_certificate_check(const char *certificate, struct error *err) MUST_CHECK;
enum status http_key_check(const char *certificate, const char *key, struct error *err) MUST_CHECK;

/* The port of the listener with this index, in the order of listening; 0 for a unix socket. Tells
 * what was chosen for port 0. */
uint16_t http_server_port(const struct http_server *server, size_t index);

/* Reads the certificates and keys of all listeners again; connections go on with the old ones. On
 * failure everything stays as it was. */
enum status http_server_reload(struct http_server *server, struct error *err) MUST_CHECK;

/* Stop accepting; each request under way ends its connection. *when_done is called from the loop
 * when no connection is left; it may free the server. An idle connection, on which a request may be
 * on its way, is given a moment. */
void http_server_drain(struct http_server *server, void (*when_done)(void *context), void *context);

/* The route of the table by which the request has come to its handler. */
const struct http_route *http_request_route(const struct http_request *request);

/* The request: everything is borrowed, valid until the reply. */
enum http_method http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request); /* as sent, without the query */
const char *http_request_parameter(const struct http_request *request, const char *name);
const char *http_request_header(const struct http_request *request, const char *name);
size_t http_request_query_count(const struct http_request *request);
void http_request_query(const struct http_request *request, size_t index, const char **ret_name,
                        const char **ret_value);
const char *http_request_body(const struct http_request *request, size_t *ret_len);
bool http_request_is_tls(const struct http_request *request);
const char *http_request_peer(const struct http_request *request); /* "127.0.0.1:4711", "unix" */
/* Made for each request; stands in the log and in every problem document. */
const char *http_request_correlation_id(const struct http_request *request);

/* A valid token came with it: the connection is among the last that give way to newcomers. */
void http_request_trust(struct http_request *request);

/* State of a handler, freed with `release` after the reply, however it comes about. */
void http_request_set_state(struct http_request *request, void *state, void (*release)(void *));
void *http_request_state(const struct http_request *request);

struct http_header {
    const char *name;
    const char *value;
};

enum { HTTP_HEADERS_MAX = 8 };

/* body: copied; NULL for none. Content-Length, Date and X-Correlation-ID are added; a HEAD gets no
 * body. A header whose value has a control character in it (a line break) is left out. */
struct http_response {
    enum http_code code;
    const char *content_type;
    const char *body;
    size_t body_len;
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
};

/* Replies, exactly once per request; the request is gone afterwards. A client that has left is no
 * error. */
void http_reply(struct http_request *request, const struct http_response *response);

#endif
