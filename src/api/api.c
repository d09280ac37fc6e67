#include "api/api.h"

#include "digest.h"
#include "exchange.h"
#include "resources.h"
#include "respond.h"

#include <stdlib.h>

#define ACCOUNT "/accounts/:account"
#define BACKUPS ACCOUNT "/k8s/v1/apps/:app/appBackups"
#define ANY_APP ACCOUNT "/topology/v1/appBackups"

/* clang-format off */
static const struct http_route routes[] = {
    {HTTP_METHOD_GET,    BACKUPS "/:id",                           backups_get},
    {HTTP_METHOD_POST,   BACKUPS,                                  backups_create},
    {HTTP_METHOD_GET,    BACKUPS,                                  backups_list},
    {HTTP_METHOD_DELETE, BACKUPS "/:id",                           backups_delete},
    {HTTP_METHOD_POST,   BACKUPS "/:id/cancel",                    backups_cancel},
    {HTTP_METHOD_GET,    ANY_APP,                                  backups_list},
    {HTTP_METHOD_GET,    ANY_APP "/:id",                           backups_get},
    {HTTP_METHOD_DELETE, ANY_APP "/:id",                           backups_delete},
    {HTTP_METHOD_POST,   ANY_APP "/:id/cancel",                    backups_cancel},
    {HTTP_METHOD_GET,    ACCOUNT "/k8s/v1/apps/:app/appSnaps",     snapshots_list},
    {HTTP_METHOD_GET,    ACCOUNT "/k8s/v2/apps",                   apps_list},
    {HTTP_METHOD_GET,    ACCOUNT "/k8s/v2/apps/:id",               apps_get},
    {HTTP_METHOD_PUT,    ACCOUNT "/k8s/v2/apps/:id",               apps_restore},
    {HTTP_METHOD_GET,    ACCOUNT "/topology/v1/buckets",           buckets_list},
    {HTTP_METHOD_GET,    ACCOUNT "/topology/v1/buckets/:id",       buckets_get},
    {HTTP_METHOD_GET,    ACCOUNT "/topology/v1/clouds",            clouds_list},
    {HTTP_METHOD_GET,    ACCOUNT "/topology/v1/clouds/:id",        clouds_get},
    {HTTP_METHOD_GET,    ACCOUNT "/topology/v1/managedClusters",   clusters_list},
    {HTTP_METHOD_GET,    ACCOUNT "/topology/v1/managedClusters/:id", clusters_get},
    {HTTP_METHOD_GET,    "/healthz",                               health_live},
    {HTTP_METHOD_GET,    "/readyz",                                health_ready},
};

/* clang-format on */

enum { ROUTE_COUNT = sizeof(routes) / sizeof(routes[0]) };

const struct http_route *api_routes(size_t *ret_count)
{
    *ret_count = ROUTE_COUNT;
    return routes;
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
    CLEANUP(problem_done) struct problem problem = {.number = number_of(code)};
    if (code == HTTP_CODE_BAD_REQUEST)
        problem_add_reason(&problem, PROBLEM_HEADERS_INVALID, "request line",
                           "the request cannot be read");
    respond_problem(request, &(struct respond_failure){.problem = &problem, .otherwise = code});
}
