/* What a handler may ask a request. */
#include "connection.h"
#include "http/server.h"
#include "server_state.h"

#include <string.h>

enum http_method http_request_method(const struct http_request *request)
{
    return request->head.method;
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
    return head_field(&request->head, name);
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
    *ret_len = request->body.len;
    return request->body.len == 0 ? "" : (const char *)request->body.bytes;
}

void http_request_trust(struct http_request *request)
{
    connection_trust(request->connection);
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
