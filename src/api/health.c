/*
 * Health: for probes, without a token and with nothing in it that a stranger may not know.
 *   GET /healthz  200 {"status": "ok"} as long as the loop turns
 *   GET /readyz   200 or 503 {"status": "ready" | "not ready", "notReady": ["…"],
 *                 "codes": ["…"], "redis": {…}, …}
 */
#include "api/health.h"

#include "api/reasons.h"
#include "core/cleanup.h"
#include "core/json.h"
#include "exchange.h"
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

/* Faults in words, and by their codes: two arrays side by side. */
struct faults {
    json_t *texts, *codes; /* owned */
};

static struct faults faults_new(void)
{
    return (struct faults){.texts = json_array(), .codes = json_array()};
}

static void add_fault(struct faults *faults, enum reason fault)
{
    if (json_array_append_new(faults->texts, json_string(api_fault_text(fault))) != 0 ||
        json_array_append_new(faults->codes, json_string(reason_code(fault))) != 0) {
        /* no memory: the report goes out without it */
    }
}

/* facts: what is known of Redis; taken, may be NULL. faults: taken. */
static void answer(struct http_request *request, const struct faults *faults, json_t *facts)
{
    bool ready = json_array_size(faults->texts) == 0;
    json_auto_t *report = json_pack("{s:s, s:o, s:o}", "status", ready ? "ready" : "not ready",
                                    "notReady", faults->texts, "codes", faults->codes);
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

const char *api_fault_text(enum reason fault)
{
    for (size_t i = 0; i < API_FAULTS; i++)
        if (api_faults[i].reason == fault)
            return api_faults[i].text;
    return reason_code(fault);
}

size_t api_redis_faults(const struct store_health *health, enum reason faults[API_REDIS_FAULTS_MAX])
{
    size_t count = 0;
    if (strtol(health->version, NULL, 10) < API_REDIS_MAJOR_MIN)
        faults[count++] = REASON_REDIS_OUTDATED;
    if (!health->append_only)
        faults[count++] = REASON_REDIS_NOT_DURABLE;
    if (!health->never_evicts)
        faults[count++] = REASON_REDIS_EVICTS;
    return count;
}

static struct faults find_faults(const struct store_health *health)
{
    struct faults faults = faults_new();
    enum reason of_redis[API_REDIS_FAULTS_MAX];
    size_t count = api_redis_faults(health, of_redis);
    for (size_t i = 0; i < count; i++)
        add_fault(&faults, of_redis[i]);
    if (health->workers == 0)
        add_fault(&faults, REASON_WORKER_ABSENT);
    return faults;
}

static json_t *write_figure(const struct store_figure *figure, const void *member)
{
    switch (figure->kind) {
    case STORE_FIGURE_TEXT:
        return json_string(member);
    case STORE_FIGURE_FLAG:
        return json_boolean(*(const bool *)member);
    case STORE_FIGURE_NUMBER:
        break;
    }
    return json_integer(*(const int64_t *)member);
}

/* The object of this name, which is made when it is the first figure in it; borrowed. */
static json_t *open_object(json_t *facts, const char *name)
{
    if (*name == '\0')
        return facts;
    json_t *part = json_object_get(facts, name);
    if (part != NULL)
        return part;
    part = json_object();
    return json_object_set_new(facts, name, part) == 0 ? part : NULL;
}

/* NULL: there is no memory. */
static json_t *write_facts(const struct store_health *health)
{
    json_auto_t *facts = json_object();
    for (size_t i = 0; i < STORE_FIGURES; i++) {
        const struct store_figure *figure = &store_figures[i];
        const void *member = (const char *)health + figure->offset;
        if (figure->readyz_name != NULL &&
            json_object_set_new(open_object(facts, figure->readyz_object), figure->readyz_name,
                                write_figure(figure, member)) != 0)
            return NULL;
    }
    return STEAL(facts);
}

static void on_health(void *context, const redisReply *reply, const struct error *err)
{
    struct http_request *request = context;
    struct error failure = {.status = STATUS_OK};
    struct store_health health;
    if (err == NULL && store_reply_health(reply, &health, &failure) == STATUS_OK) {
        struct faults faults = find_faults(&health);
        answer(request, &faults, write_facts(&health));
        return;
    }
    /* The text may name addresses: it is for the log of whoever cares, the answer says it plainly.
     */
    struct faults faults = faults_new();
    add_fault(&faults, REASON_REDIS_UNAVAILABLE);
    answer(request, &faults, NULL);
}

void health_ready(void *context, struct http_request *request)
{
    struct api *api = context;
    struct store_call call = {.argc = 0};
    store_call_health(&call, NULL);
    store_async_send(api->store, &call, on_health, request);
    store_call_done(&call);
}
