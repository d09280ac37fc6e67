/*
 * Health: for probes, without a token and with nothing in it that a stranger may not know.
 *   GET /healthz  200 {"status": "ok"} as long as the loop turns
 *   GET /readyz   200 or 503 {"status": "ready" | "not ready", "notReady": ["…"], "redis": {…}, …}
 */
#include "api/api.h"
#include "core/cleanup.h"
#include "core/json.h"
#include "exchange.h"
#include "resources.h"
#include "respond.h"
#include "store/calls.h"
#include "store/replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char media_type[] = "application/json";

void health_live(void *context, struct http_request *request)
{
    static const char alive[] = "{\"status\":\"ok\"}";
    (void)context;
    respond(request, HTTP_CODE_OK, media_type, alive, sizeof(alive) - 1, NULL);
}

/* facts: what is known of Redis; taken, may be NULL. reasons: taken. */
static void answer(struct http_request *request, json_t *reasons, json_t *facts)
{
    bool ready = json_array_size(reasons) == 0;
    json_auto_t *report =
        json_pack("{s:s, s:o}", "status", ready ? "ready" : "not ready", "notReady", reasons);
    if (facts != NULL && json_object_update_missing_new(report, facts) != 0)
        ready = false;
    CLEANUP(freep) char *text = report == NULL ? NULL : json_write(report);
    const char *body = text == NULL ? "{\"status\":\"not ready\"}" : text;

    char retry_after[12];
    (void)snprintf(retry_after, sizeof(retry_after), "%d", RESPOND_RETRY_AFTER_S);
    struct respond_headers headers = {{{"Retry-After", retry_after}, {NULL, NULL}}};
    respond(request, ready ? HTTP_CODE_OK : HTTP_CODE_UNAVAILABLE, media_type, body, strlen(body),
            ready ? NULL : &headers);
}

static void add_reason(json_t *reasons, const char *text)
{
    if (json_array_append_new(reasons, json_string(text)) != 0) {
        /* no memory: the report goes out without it */
    }
}

size_t api_redis_faults(const struct store_health *health, const char *faults[API_REDIS_FAULTS_MAX])
{
    size_t count = 0;
    if (strtol(health->version, NULL, 10) < API_REDIS_MAJOR_MIN)
        faults[count++] = "redis: version 7 or later is needed";
    if (!health->append_only)
        faults[count++] = "redis: the append-only file is off or failing (appendonly yes)";
    if (!health->never_evicts)
        faults[count++] = "redis: it may evict records (maxmemory-policy noeviction)";
    return count;
}

static json_t *find_reasons(const struct store_health *health)
{
    json_t *reasons = json_array();
    const char *faults[API_REDIS_FAULTS_MAX];
    size_t count = api_redis_faults(health, faults);
    for (size_t i = 0; i < count; i++)
        add_reason(reasons, faults[i]);
    if (health->workers == 0)
        add_reason(reasons, "worker: none is alive");
    return reasons;
}

static json_t *write_facts(const struct store_health *health)
{
    return json_pack("{s:{s:s, s:b, s:b}, s:I, s:I, s:I}", "redis", "version", health->version,
                     "appendOnly", health->append_only, "neverEvicts", health->never_evicts,
                     "workers", (json_int_t)health->workers, "queued", (json_int_t)health->queued,
                     "quarantined", (json_int_t)health->quarantined);
}

static void on_health(void *context, const redisReply *reply, const struct error *err)
{
    struct http_request *request = context;
    struct error failure = {.status = STATUS_OK};
    struct store_health health;
    if (err == NULL && store_reply_health(reply, &health, &failure) == STATUS_OK) {
        answer(request, find_reasons(&health), write_facts(&health));
        return;
    }
    /* The text may name addresses: it is for the log of whoever cares, the answer says it plainly.
     */
    json_t *reasons = json_array();
    add_reason(reasons, "redis: no answer");
    answer(request, reasons, NULL);
}

void health_ready(void *context, struct http_request *request)
{
    struct api *api = context;
    struct store_call call = {.argc = 0};
    store_call_health(&call, NULL);
    store_async_send(api->store, &call, on_health, request);
    store_call_done(&call);
}
