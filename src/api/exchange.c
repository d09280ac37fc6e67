#include "exchange.h"

#include "core/cleanup.h"
#include "core/json.h"
#include "digest.h"
#include "respond.h"
#include "store/replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX = 64 }; /* so many are looked through; more questions of one turn go alone */

static void leave_open(struct exchange *exchange)
{
    LIST_REMOVE(exchange, open_link);
    exchange->is_open = false;
    exchange->api->open_count--;
}

/* An answer may come before the end of the turn: its question was sent in the middle of it, when
 * the connection to Redis was just being served. */
static void exchange_release(void *state)
{
    struct exchange *exchange = state;
    if (exchange->is_open)
        leave_open(exchange);
    list_done(&exchange->list);
    if (exchange->record != NULL)
        exchange->release_record(exchange->record);
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

    http_request_trust(exchange->request);
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
    if (exchange->operation->is_list)
        query_init(exchange->query);
    for (size_t i = 0; i < http_request_query_count(exchange->request); i++) {
        const char *name = NULL;
        const char *value = NULL;
        http_request_query(exchange->request, i, &name, &value);
        if (!query_add(exchange->query, exchange->operation->query, name, value, problem))
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

/* All that can be said without the body is said before it is waited for. */
bool exchange_admit(void *context, struct http_request *request)
{
    struct api *api = context;
    const struct operation *operation = api->operations[http_request_route(request) - api->routes];
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};
    size_t query_size = operation->is_list ? sizeof(struct query) : 0;
    struct exchange *exchange = calloc(1, sizeof(*exchange) + query_size);
    if (exchange == NULL) {
        problem_set(&problem, PROBLEM_NOT_READY);
        respond_problem(request, &(struct respond_failure){.problem = &problem});
        return false;
    }
    exchange->api = api;
    exchange->request = request;
    exchange->operation = operation;
    http_request_set_state(request, exchange, exchange_release);
    if (!check(exchange, &problem)) {
        exchange_refuse(exchange, &problem);
        return false;
    }
    if (operation->is_list)
        list_init(&exchange->list, exchange->query);
    return true;
}

static enum status on_rows(struct exchange *exchange, const redisReply *reply, struct error *err)
{
    const struct operation *operation = exchange->operation;
    if (operation->is_list)
        return exchange_rows(exchange, reply, operation->row, err);
    if (operation->row != NULL)
        return exchange_row(exchange, reply, operation->row, err);
    if (store_reply_nothing(reply, err) != STATUS_OK)
        return error_status(err);
    exchange_deleted(exchange);
    return STATUS_OK;
}

static void ask_once(struct exchange *exchange)
{
    struct store_call call = {.argc = 0};
    exchange->operation->ask(exchange, &call);
    exchange_call(exchange, &call, on_rows);
}

void exchange_handle(void *context, struct http_request *request)
{
    (void)context;
    struct exchange *exchange = http_request_state(request);
    if (exchange->operation->start != NULL)
        exchange->operation->start(exchange);
    else
        ask_once(exchange);
}

const char *exchange_app(const struct exchange *exchange)
{
    return http_request_parameter(exchange->request, "app");
}

const char *exchange_id(const struct exchange *exchange)
{
    return http_request_parameter(exchange->request, "id");
}

static void on_turn_end(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct api *api = context;
    while (!LIST_EMPTY(&api->open))
        leave_open(LIST_FIRST(&api->open));
}

enum status exchange_open_sharing(struct api *api, struct event_base *base, struct error *err)
{
    api->turn_end = evtimer_new(base, on_turn_end, api);
    if (api->turn_end == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "event");
    return STATUS_OK;
}

void exchange_close_sharing(struct api *api)
{
    if (api->turn_end != NULL)
        event_free(api->turn_end);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool asks_the_same(const struct exchange *a, const struct exchange *b)
{
    return a->operation == b->operation && is_same_text(exchange_id(a), exchange_id(b)) &&
           is_same_text(exchange_app(a), exchange_app(b)) && strcmp(a->account, b->account) == 0;
}

bool exchange_join(struct exchange *exchange)
{
    struct api *api = exchange->api;
    struct exchange *open = NULL;
    LIST_FOREACH(open, &api->open, open_link)
    {
        if (!asks_the_same(open, exchange))
            continue;
        exchange->followers = open->followers;
        open->followers = exchange;
        return true;
    }
    if (api->open_count == OPEN_MAX)
        return false;
    /* Behind all that is ready in this turn, and before anything is sent in the next. */
    if (LIST_EMPTY(&api->open))
        event_active(api->turn_end, EV_TIMEOUT, 0);
    LIST_INSERT_HEAD(&api->open, exchange, open_link);
    exchange->is_open = true;
    api->open_count++;
    return false;
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

/* One document for all who get it. */
struct document {
    char *text; /* owned */
    size_t len;
    char tag[DIGEST_TAG_SIZE]; /* "": none */
};

static enum status write_document(const struct exchange *exchange, const json_t *json,
                                  struct document *ret_document, struct error *err)
{
    struct document document = {.text = json_write(json)};
    if (document.text == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "write a resource");
    document.len = strlen(document.text);
    if (!digest_tag(exchange->api->auth.digest, document.text, document.len, document.tag))
        document.tag[0] = '\0';
    *ret_document = document;
    return STATUS_OK;
}

static void document_done(struct document *document)
{
    free(document->text);
}

static void answer(struct exchange *exchange, enum http_code code, const struct document *document,
                   const char *location)
{
    struct respond_headers headers = {{{NULL, NULL}}}; /* room for three: all of them */
    size_t count = 0;
    bool tagged = document->tag[0] != '\0';
    if (tagged)
        headers.items[count++] = (struct http_header){"ETag", document->tag};
    if (location != NULL)
        headers.items[count++] = (struct http_header){"Location", location};
    if (exchange->is_repetition)
        headers.items[count++] = (struct http_header){"Idempotent-Replayed", "true"};
    if (tagged && code == HTTP_CODE_OK &&
        has_tag(header(exchange, "If-None-Match"), document->tag)) {
        respond(exchange->request, HTTP_CODE_NOT_MODIFIED, NULL, NULL, 0, &headers);
        return;
    }
    char media[MEDIA_SIZE];
    media_write(exchange->media, exchange->operation->type, media);
    respond(exchange->request, code, media, document->text, document->len, &headers);
}

enum status exchange_resource(struct exchange *exchange, const json_t *json, struct error *err)
{
    CLEANUP(document_done) struct document document = {.text = NULL};
    if (write_document(exchange, json, &document, err) != STATUS_OK)
        return error_status(err);
    while (exchange != NULL) {
        struct exchange *follower = exchange->followers; /* with the answer the exchange is gone */
        answer(exchange, HTTP_CODE_OK, &document, NULL);
        exchange = follower;
    }
    return STATUS_OK;
}

enum status exchange_created(struct exchange *exchange, const json_t *json, const char *path,
                             struct error *err)
{
    CLEANUP(document_done) struct document document = {.text = NULL};
    if (write_document(exchange, json, &document, err) != STATUS_OK)
        return error_status(err);
    char location[RESPOND_LOCATION_SIZE];
    respond_write_location(http_request_is_tls(exchange->request), header(exchange, "Host"), path,
                           location);
    answer(exchange, HTTP_CODE_CREATED, &document, location);
    return STATUS_OK;
}

enum status exchange_accepted(struct exchange *exchange, const json_t *json, struct error *err)
{
    CLEANUP(document_done) struct document document = {.text = NULL};
    if (write_document(exchange, json, &document, err) != STATUS_OK)
        return error_status(err);
    answer(exchange, HTTP_CODE_ACCEPTED, &document, NULL);
    return STATUS_OK;
}

enum status exchange_list(struct exchange *exchange, struct error *err)
{
    if (list_finish(&exchange->list, err) != STATUS_OK)
        return error_status(err);
    char media[MEDIA_SIZE];
    media_write(exchange->media, exchange->operation->type, media);
    const struct buffer *text = &exchange->list.text;
    respond(exchange->request, HTTP_CODE_OK, media, (const char *)text->bytes, text->len, NULL);
    return STATUS_OK;
}

static enum status add_rows(struct exchange *exchange, const redisReply *reply,
                            exchange_row_fn *read, struct error *err)
{
    size_t count = 0;
    if (store_reply_count(reply, &count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count && !list_is_full(&exchange->list); i++) {
        json_auto_t *row = NULL;
        if (read(exchange, reply->element[i], &row, err) != STATUS_OK ||
            list_add(&exchange->list, row, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

enum status exchange_rows(struct exchange *exchange, const redisReply *reply, exchange_row_fn *read,
                          struct error *err)
{
    if (add_rows(exchange, reply, read, err) != STATUS_OK)
        return error_status(err);
    return exchange_list(exchange, err);
}

enum status exchange_page(struct exchange *exchange, const redisReply *rows, const char *next,
                          exchange_row_fn *read, struct error *err)
{
    if (add_rows(exchange, rows, read, err) != STATUS_OK)
        return error_status(err);
    if (*next == '\0' || list_is_full(&exchange->list))
        return exchange_list(exchange, err);
    (void)snprintf(exchange->after, sizeof(exchange->after), "%s", next);
    exchange->operation->start(exchange);
    return STATUS_OK;
}

enum status exchange_row(struct exchange *exchange, const redisReply *reply, exchange_row_fn *read,
                         struct error *err)
{
    json_auto_t *json = NULL;
    if (read(exchange, reply, &json, err) != STATUS_OK)
        return error_status(err);
    return exchange_resource(exchange, json, err);
}

void exchange_deleted(struct exchange *exchange)
{
    respond(exchange->request, HTTP_CODE_NO_CONTENT, NULL, NULL, 0, NULL);
}

void exchange_log(const struct exchange *exchange, enum event_kind event, const char *noun,
                  const char *id)
{
    log_event(LOG_LEVEL_INFO, event, LOG_TEXT(noun, id), LOG_TEXT("app", exchange_app(exchange)),
              LOG_TEXT("account", exchange->account), LOG_TEXT("token", exchange->token),
              LOG_TEXT("correlation", http_request_correlation_id(exchange->request)));
}

void exchange_keep(struct exchange *exchange, void *record, void (*release)(void *record))
{
    exchange->record = record;
    exchange->release_record = release;
}

bool exchange_has_body(const struct exchange *exchange)
{
    size_t len = 0;
    (void)http_request_body(exchange->request, &len);
    return len > 0;
}

bool exchange_body(const struct exchange *exchange, json_t **ret_body, struct problem *problem)
{
    const char *type = exchange->operation->type;
    if (!media_is_readable(header(exchange, "Content-Type"), type)) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "expected: %s+json or application/json", type);
        problem_add_reason(problem, PROBLEM_HEADERS_INVALID, "Content-Type", expected);
        return false;
    }
    size_t len = 0;
    const char *bytes = http_request_body(exchange->request, &len);
    struct error err = {.status = STATUS_OK};
    if (json_read(bytes == NULL ? "" : bytes, len, ret_body, &err) == STATUS_OK)
        return true;
    problem_set(problem, PROBLEM_JSON_PAYLOAD);
    return false;
}

void exchange_refuse(struct exchange *exchange, const struct problem *problem)
{
    respond_problem(exchange->request, &(struct respond_failure){.problem = problem});
}

static enum problem_number number_of(const struct operation *operation, const struct error *err)
{
    if (operation->unknown != REASON_UNSET && error_is(err, operation->unknown))
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
    while (exchange != NULL) {
        struct exchange *follower = exchange->followers;
        respond_problem(exchange->request,
                        &(struct respond_failure){.problem = &problem, .cause = err});
        exchange = follower;
    }
}
