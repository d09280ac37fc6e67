/*
 * API: the resources, in the dialect of the Astra Control REST API. docs/api.md is its manual.
 *
 * Threads   the loop's; no call blocks.
 */
#ifndef API_API_H
#define API_API_H

#include "core/cleanup.h"
#include "core/error.h"
#include "http/server.h"
#include "model/account.h"
#include "store/async.h"

#include <stddef.h>

struct api;

/* All are borrowed and must outlive it. */
struct api_options {
    struct event_base *base;
    const struct account *accounts;
    size_t account_count;
    struct store_async *store;
};

enum status api_new(const struct api_options *options, struct api **ret_api, struct error *err)
    MUST_CHECK;
void api_free(struct api *api);
DEFINE_CLEANUP(struct api *, api_free)

/* What http_options take: the routes, which go with the api, and refusals as problem documents.
 * Their context is the struct api. */
const struct http_route *api_routes(const struct api *api, size_t *ret_count);
http_refuse_fn api_refuse;

/* New accounts after a reload; the old ones may go afterwards. */
void api_set_accounts(struct api *api, const struct account *accounts, size_t count);

#endif
