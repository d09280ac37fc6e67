#include "api/api.h"

#include "api/health.h"
#include "digest.h"
#include "exchange.h"
#include "respond.h"

#include <stdlib.h>

#define OPERATIONS(resource) resource##_operations,
static const struct operation *const resources[] = {API_RESOURCES(OPERATIONS)};
#undef OPERATIONS

/* Routes that need no token, and belong to no resource. */
static const struct http_route others[] = {
    {HTTP_METHOD_GET, "/healthz", health_live, NULL},
    {HTTP_METHOD_GET, "/readyz", health_ready, NULL},
};

enum {
    RESOURCE_COUNT = sizeof(resources) / sizeof(resources[0]),
    OTHER_COUNT = sizeof(others) / sizeof(others[0])
};

static size_t path_count(const struct operation *operation)
{
    size_t count = 0;
    while (count < OPERATION_PATHS_MAX && operation->paths[count] != NULL)
        count++;
    return count;
}

static size_t count_routes(void)
{
    size_t count = OTHER_COUNT;
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        for (const struct operation *operation = resources[i]; operation->type != NULL; operation++)
            count += path_count(operation);
    }
    return count;
}

static void add_route(struct api *api, const struct http_route *route,
                      const struct operation *operation)
{
    api->operations[api->route_count] = operation;
    api->routes[api->route_count++] = *route;
}

static void add_operation(struct api *api, const struct operation *operation)
{
    for (size_t i = 0; i < path_count(operation); i++) {
        const struct http_route route = {operation->method, operation->paths[i], exchange_handle,
                                         exchange_admit};
        add_route(api, &route, operation);
    }
}

static enum status make_routes(struct api *api, struct error *err)
{
    size_t count = count_routes();
    api->routes = calloc(count, sizeof(struct http_route));
    api->operations = calloc(count, sizeof(struct operation *));
    if (api->routes == NULL || api->operations == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "routes");
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        for (const struct operation *operation = resources[i]; operation->type != NULL; operation++)
            add_operation(api, operation);
    }
    for (size_t i = 0; i < OTHER_COUNT; i++)
        add_route(api, &others[i], NULL);
    return STATUS_OK;
}

const struct http_route *api_routes(const struct api *api, size_t *ret_count)
{
    *ret_count = api->route_count;
    return api->routes;
}

enum status api_new(const struct api_options *options, struct api **ret_api, struct error *err)
{
    CLEANUP(api_freep) struct api *api = NULL;
    api = calloc(1, sizeof(*api));
    if (api == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "api");
    if (digest_new(&api->auth.digest, err) != STATUS_OK)
        return FAIL_IN(err, "api");
    api->store = options->store;
    if (make_routes(api, err) != STATUS_OK)
        return FAIL_IN(err, "api");
    if (exchange_open_sharing(api, options->base, err) != STATUS_OK)
        return FAIL_IN(err, "api");
    api_set_accounts(api, options->accounts, options->account_count);
    *ret_api = STEAL(api);
    return STATUS_OK;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    exchange_close_sharing(api);
    digest_free(api->auth.digest);
    free(api->operations);
    free(api->routes);
    free(api);
}

void api_set_accounts(struct api *api, const struct account *accounts, size_t count)
{
    api->auth.accounts = accounts;
    api->auth.account_count = count;
}

static enum problem_number number_of(enum http_code code)
{
    static const struct {
        enum http_code code;
        enum problem_number number;
    } table[] = {
        {HTTP_CODE_NOT_FOUND, PROBLEM_COLLECTION_NOT_FOUND},
        {HTTP_CODE_METHOD_NOT_ALLOWED, PROBLEM_METHOD},
        {HTTP_CODE_TOO_LARGE, PROBLEM_BODY_TOO_LARGE},
        {HTTP_CODE_UNAVAILABLE, PROBLEM_NOT_READY},
        {HTTP_CODE_INTERNAL, PROBLEM_INTERNAL},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code)
            return table[i].number;
    return PROBLEM_NONE;
}

void api_refuse(void *context, struct http_request *request, enum http_code code)
{
    (void)context;
    struct error no_room = {.status = STATUS_OK};
    CLEANUP(problem_done) struct problem problem = {.number = number_of(code)};
    if (code == HTTP_CODE_BAD_REQUEST)
        problem_add_reason(&problem, PROBLEM_HEADERS_INVALID, "request line",
                           "the request cannot be read");
    if (code == HTTP_CODE_UNAVAILABLE) {
        (void)FAIL(&no_room, STATUS_UNAVAILABLE,
                   "no room for it beside all others: http.bodies_bytes_max, "
                   "http.replies_bytes_max and http.connections_max say how much there is");
    }
    const struct error *cause = code == HTTP_CODE_UNAVAILABLE ? &no_room : NULL;
    respond_problem(
        request, &(struct respond_failure){.problem = &problem, .otherwise = code, .cause = cause});
}
