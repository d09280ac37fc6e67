#include "exchange.h"

#include "core/cleanup.h"
#include "core/json.h"
#include "digest.h"
#include "location.h"
#include "respond.h"

#include <stdlib.h>
#include <string.h>

static void exchange_release(void *state)
{
    struct exchange *exchange = state;
    list_done(&exchange->list);
    free(exchange);
}

static const char *header(const struct exchange *exchange, const char *name)
{
    return http_request_header(exchange->request, name);
}

/* The token first: who has none learns nothing, not even whether an account exists. */
static enum problem_number check_caller(struct exchange *exchange)
{
    const char *wanted = http_request_parameter(exchange->request, "account");
    struct caller caller = {NULL, NULL};
    enum problem_number refused =
        auth_identify(&exchange->api->auth, header(exchange, "Authorization"), wanted, &caller);
    if (refused != PROBLEM_NONE)
        return refused;
    if (!id_is_valid(wanted))
        return PROBLEM_ACCOUNT_ID;
    if (strcmp(caller.account->id, wanted) != 0)
        return PROBLEM_COLLECTION_NOT_FOUND;
    if (caller.token->role < exchange->operation->role)
        return PROBLEM_NOT_PERMITTED;

    /* Copies: the accounts may be replaced before the answer goes out. */
    memcpy(exchange->account, caller.account->id, ID_SIZE);
    memcpy(exchange->token, caller.token->id, ID_SIZE);
    return PROBLEM_NONE;
}

static enum problem_number check_ids(const struct exchange *exchange)
{
    const char *app = exchange_app(exchange);
    const char *id = exchange_id(exchange);
    if ((app != NULL && !id_is_valid(app)) || (id != NULL && !id_is_valid(id)))
        return PROBLEM_RESOURCE_ID;
    return PROBLEM_NONE;
}

static enum problem_number check_accept(struct exchange *exchange)
{
    const struct operation *operation = exchange->operation;
    if (operation->is_mute)
        return PROBLEM_NONE;
    exchange->media =
        media_negotiate(header(exchange, "Accept"), operation->type, operation->is_list);
    return exchange->media == MEDIA_NONE ? PROBLEM_NOT_ACCEPTABLE : PROBLEM_NONE;
}

static bool check_query(struct exchange *exchange, struct problem *problem)
{
    bool good = true;
    query_init(&exchange->query);
    for (size_t i = 0; i < http_request_query_count(exchange->request); i++) {
        const char *name = NULL;
        const char *value = NULL;
        http_request_query(exchange->request, i, &name, &value);
        if (!query_add(&exchange->query, exchange->operation->query, name, value, problem))
            good = false;
    }
    return good;
}

static bool check(struct exchange *exchange, struct problem *problem)
{
    enum problem_number refused = check_caller(exchange);
    if (refused == PROBLEM_NONE)
        refused = check_ids(exchange);
    if (refused == PROBLEM_NONE)
        refused = check_accept(exchange);
    if (refused == PROBLEM_NONE)
        return check_query(exchange, problem);
    problem_set(problem, refused);
    return false;
}

struct exchange *exchange_begin(void *api, struct http_request *request,
                                const struct operation *operation)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        problem_set(&problem, PROBLEM_NOT_READY);
        respond_problem(request, &(struct respond_failure){.problem = &problem});
        return NULL;
    }
    exchange->api = api;
    exchange->request = request;
    exchange->operation = operation;
    http_request_set_state(request, exchange, exchange_release);
    if (check(exchange, &problem))
        return exchange;
    exchange_refuse(exchange, &problem);
    return NULL;
}

const char *exchange_app(const struct exchange *exchange)
{
    return http_request_parameter(exchange->request, "app");
}

const char *exchange_id(const struct exchange *exchange)
{
    return http_request_parameter(exchange->request, "id");
}

static void on_reply(void *context, const redisReply *reply, const struct error *err)
{
    struct exchange *exchange = context;
    struct error failure = {.status = STATUS_OK};
    if (err != NULL)
        exchange_fail(exchange, err);
    else if (exchange->next(exchange, reply, &failure) != STATUS_OK)
        exchange_fail(exchange, &failure);
}

void exchange_call(struct exchange *exchange, struct store_call *call, exchange_next_fn *next)
{
    exchange->next = next;
    store_async_send(exchange->api->store, call, on_reply, exchange);
    store_call_done(call);
}

/* Does If-None-Match hold this tag? Weak comparison (RFC 9110 section 13.1.2): "W/" is skipped. */
static bool has_tag(const char *header_value, const char *tag)
{
    if (header_value == NULL)
        return false;
    return strcmp(header_value, "*") == 0 || strstr(header_value, tag) != NULL;
}

static void answer(struct exchange *exchange, enum http_code code, const char *text,
                   const char *location)
{
    char tag[DIGEST_TAG_SIZE];
    size_t len = strlen(text);
    struct respond_headers headers = {{{NULL, NULL}}};
    size_t count = 0;
    bool tagged = digest_tag(exchange->api->auth.digest, text, len, tag);
    if (tagged)
        headers.items[count++] = (struct http_header){"ETag", tag};
    if (location != NULL)
        headers.items[count++] = (struct http_header){"Location", location};
    if (tagged && code == HTTP_CODE_OK && has_tag(header(exchange, "If-None-Match"), tag)) {
        respond(exchange->request, HTTP_CODE_NOT_MODIFIED, NULL, NULL, 0, &headers);
        return;
    }
    char media[MEDIA_SIZE];
    media_write(exchange->media, exchange->operation->type, media);
    respond(exchange->request, code, media, text, len, &headers);
}

enum status exchange_resource(struct exchange *exchange, const json_t *json, struct error *err)
{
    CLEANUP(freep) char *text = json_write(json);
    if (text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "write a resource");
    answer(exchange, HTTP_CODE_OK, text, NULL);
    return STATUS_OK;
}

enum status exchange_created(struct exchange *exchange, const json_t *json, const char *path,
                             struct error *err)
{
    CLEANUP(freep) char *text = json_write(json);
    if (text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "write a resource");
    char location[LOCATION_SIZE];
    location_write(http_request_is_tls(exchange->request), header(exchange, "Host"), path,
                   location);
    answer(exchange, HTTP_CODE_CREATED, text, location);
    return STATUS_OK;
}

enum status exchange_list(struct exchange *exchange, struct error *err)
{
    if (list_finish(&exchange->list, err) != STATUS_OK)
        return err->status;
    char media[MEDIA_SIZE];
    media_write(exchange->media, exchange->operation->type, media);
    const struct buffer *text = &exchange->list.text;
    respond(exchange->request, HTTP_CODE_OK, media, (const char *)text->bytes, text->len, NULL);
    return STATUS_OK;
}

void exchange_deleted(struct exchange *exchange)
{
    respond(exchange->request, HTTP_CODE_NO_CONTENT, NULL, NULL, 0, NULL);
}

void exchange_refuse(struct exchange *exchange, const struct problem *problem)
{
    respond_problem(exchange->request, &(struct respond_failure){.problem = problem});
}

static enum problem_number number_of(const struct operation *operation, const struct error *err)
{
    if (operation->unknown != NULL && strcmp(err->reason, operation->unknown) == 0)
        return operation->absent;
    enum problem_number number = problem_from_reason(err->reason);
    if (number != PROBLEM_NONE)
        return number;
    return status_is_transient(err->status) ? PROBLEM_NOT_READY : operation->failed;
}

void exchange_fail(struct exchange *exchange, const struct error *err)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    problem_set(&problem, number_of(exchange->operation, err));
    respond_problem(exchange->request,
                    &(struct respond_failure){.problem = &problem, .cause = err});
}
