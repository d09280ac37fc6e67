/*
 * API: the resources, in the dialect of the Astra Control REST API. docs/api.md is its manual.
 * Threads   the loop's; no call blocks.
 */
#ifndef API_API_H
#define API_API_H

#include "core/cleanup.h"
#include "core/error.h"
#include "core/reason.h"
#include "http/server.h"
#include "model/account.h"
#include "store/async.h"
#include "store/replies.h"

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

/* For http_options: the routes, and refusals as problem documents; context is the struct api. */
const struct http_route *api_routes(size_t *ret_count);
http_refuse_fn api_refuse;

/* New accounts after a reload; the old ones may go afterwards. */
void api_set_accounts(struct api *api, const struct account *accounts, size_t count);

enum { API_REDIS_MAJOR_MIN = 7, API_REDIS_FAULTS_MAX = 3 };

/* Why this Redis may lose what it was told: what /readyz says, for the log as well. Returns their
 * number. */
size_t api_redis_faults(const struct store_health *health,
                        enum reason faults[API_REDIS_FAULTS_MAX]);

/* What makes the service not ready, in words for people: one of these, REASON_REDIS_UNAVAILABLE or
 * REASON_WORKER_ABSENT. */
const char *api_fault_text(enum reason fault);

#endif
