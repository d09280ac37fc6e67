/* What an HTTP server is made from: methods and codes, limits, and routes to handlers. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_code {
    HTTP_CODE_OK = 200,
    HTTP_CODE_CREATED = 201,
    HTTP_CODE_ACCEPTED = 202,
    HTTP_CODE_NO_CONTENT = 204,
    HTTP_CODE_NOT_MODIFIED = 304,
    HTTP_CODE_BAD_REQUEST = 400,
    HTTP_CODE_UNAUTHORIZED = 401,
    HTTP_CODE_FORBIDDEN = 403,
    HTTP_CODE_NOT_FOUND = 404,
    HTTP_CODE_METHOD_NOT_ALLOWED = 405,
    HTTP_CODE_NOT_ACCEPTABLE = 406,
    HTTP_CODE_TIMEOUT = 408,
    HTTP_CODE_CONFLICT = 409,
    HTTP_CODE_PRECONDITION_FAILED = 412,
    HTTP_CODE_TOO_LARGE = 413,
    HTTP_CODE_UNSUPPORTED_MEDIA_TYPE = 415,
    HTTP_CODE_INTERNAL = 500,
    HTTP_CODE_UNAVAILABLE = 503
};

enum http_method {
    HTTP_METHOD_OTHER = 0,
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_OPTIONS
};

/* Slower clients have request_timeout_ms in advance: small replies need no pace. */
enum { HTTP_REPLY_BYTES_PER_S_MIN = 64 * 1024 };

struct http_limits {
    size_t body_bytes_max;
    size_t header_bytes_max;
    size_t bodies_bytes_max;  /* of all requests together */
    size_t replies_bytes_max; /* of all replies together that were not taken yet */
    size_t connections_max;
    int64_t idle_timeout_ms;
    int64_t request_timeout_ms;
};

struct http_server;
struct http_request;

typedef void http_handler_fn(void *context, struct http_request *request);

/* May whoever asks do so? Called when the head is there, and the body perhaps not yet. False: it has
 * replied. It may leave its state (http_request_set_state()) for the handler. */
typedef bool http_admit_fn(void *context, struct http_request *request);

/* A request that never reaches a handler: no such path or method, too large, malformed, too slow, or
 * without room. Must reply. code: what the server would say: 400, 404, 405 (Allow is added), 408,
 * 413 or 503. A request that could not be read has the path "". */
typedef void http_refuse_fn(void *context, struct http_request *request, enum http_code code);

/* Segments; ":name" takes one segment as a parameter. "/accounts/:account/k8s/v2/apps/:app"
 * The first route in the table that fits is taken: put literal segments before parameters. */
struct http_route {
    enum http_method method;
    const char *pattern;
    http_handler_fn *handle;
    http_admit_fn *admit; /* NULL: anybody may, and the body is thrown away */
};

enum { HTTP_PARAMETERS_MAX = 8, HTTP_QUERY_MAX = 32 };

#endif
