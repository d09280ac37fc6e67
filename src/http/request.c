/* What a handler may ask a request. */
#include "http/server.h"
#include "server_state.h"

#include <string.h>

enum http_method http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->uri.path;
}

const struct http_route *http_request_route(const struct http_request *request)
{
    return request->match.route;
}

const char *http_request_parameter(const struct http_request *request, const char *name)
{
    const struct route_match *match = &request->match;
    for (size_t i = 0; i < match->parameter_count; i++)
        if (strcmp(match->parameters[i].name, name) == 0)
            return match->parameters[i].value;
    return NULL;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request->raw), name);
}

size_t http_request_query_count(const struct http_request *request)
{
    return request->uri.query_count;
}

void http_request_query(const struct http_request *request, size_t index, const char **ret_name,
                        const char **ret_value)
{
    assert(index < request->uri.query_count);
    *ret_name = request->uri.query[index].name;
    *ret_value = request->uri.query[index].value;
}

const char *http_request_body(const struct http_request *request, size_t *ret_len)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->raw);
    size_t len = evbuffer_get_length(body);
    const unsigned char *bytes = len == 0 ? NULL : evbuffer_pullup(body, -1);
    *ret_len = bytes == NULL ? 0 : len;
    return bytes == NULL ? "" : (const char *)bytes;
}

bool http_request_is_tls(const struct http_request *request)
{
    return request->connection->is_tls;
}

const char *http_request_peer(const struct http_request *request)
{
    return request->connection->peer;
}

const char *http_request_correlation_id(const struct http_request *request)
{
    return request->correlation_id;
}

void http_request_set_state(struct http_request *request, void *state, void (*release)(void *))
{
    request->state = state;
    request->release = release;
}

void *http_request_state(const struct http_request *request)
{
    return request->state;
}
