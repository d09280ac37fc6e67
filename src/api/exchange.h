/*
 * Exchange: one request on its way from a route to its answer.
 *
 * A resource is a table of operations: what each is reached by, who may, which parameters and media
 * types it takes, which problem stands for a failure, and what it asks of the store. What the
 * operation forbids is answered there and then. Then it asks the store, once or in turn, and
 * answers in the last reply. An operation that asks once, and shows what comes, says so in its row
 * (ask, row); all else begins in a function of its own (start).
 *
 * Sharing   Callers that poll the same resource ask in the same turn of the loop: one question goes
 *           to the store, and its answer to all of them. It leaves after the last of them has
 *           come, so that each sees all that had been done before it asked.
 * Order     of the checks: token, account, role, IDs, Accept, query
 * Ownership an exchange belongs to its request and goes with the answer
 */
#ifndef API_EXCHANGE_H
#define API_EXCHANGE_H

#include "auth.h"
#include "core/error.h"
#include "core/id.h"
#include "http/server.h"
#include "list.h"
#include "media.h"
#include "model/account.h"
#include "model/event.h"
#include "problem.h"
#include "query.h"
#include "store/async.h"
#include "store/replies.h"
#include "store/store.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct exchange;
struct store_call;

LIST_HEAD(exchange_list, exchange);

struct api {
    struct auth auth;
    struct store_async *store;
    struct event *turn_end;
    struct exchange_list open; /* the questions of this turn that may be joined, newest first */
    unsigned open_count;
    struct http_route *routes; /* owned */
    size_t route_count;
    const struct operation **operations; /* owned: of each route, NULL for one without */
};

/* Begins the work of an exchange: asks the store, or answers. */
typedef void exchange_start_fn(struct exchange *exchange);

/* The one call that an operation needs. */
typedef void exchange_ask_fn(struct exchange *exchange, struct store_call *call);

/* One record of a reply as the API's resource. Caller owns *ret_json. */
typedef enum status exchange_row_fn(const struct exchange *exchange, const redisReply *reply,
                                    json_t **ret_json, struct error *err);

enum { OPERATION_PATHS_MAX = 2 };

struct operation {
    enum http_method method;
    const char *paths[OPERATION_PATHS_MAX]; /* of its routes; NULL ends them */
    const char *type;                       /* of the resource: application/astra-… */
    enum role role;                         /* the lowest that may */
    bool is_list;                           /* answers with a collection */
    bool is_mute;                           /* answers without a body: Accept does not matter */
    unsigned query;                         /* QUERY_… */
    enum problem_number failed;             /* when the store fails for no reason of the caller's */
    enum reason unknown;        /* REASON_UNKNOWN_… about the resource itself, if there is one, */
    enum problem_number absent; /* and the problem it is here */
    exchange_start_fn *start;   /* NULL: the row says it all, by: */
    exchange_ask_fn *ask;       /* the call, */
    exchange_row_fn *row;       /* and what its reply has: all of a list, or one; NULL: nothing */
};

/* The operations of each resource, in the order in which their paths are compared with a
 * request's. A new resource is a file with such a table, and its name here. */
#define API_RESOURCES(RESOURCE) \
    RESOURCE(backups)           \
    RESOURCE(snapshots)         \
    RESOURCE(apps)              \
    RESOURCE(buckets)           \
    RESOURCE(clouds)            \
    RESOURCE(clusters)

#define API_RESOURCE(name) extern const struct operation name##_operations[];
API_RESOURCES(API_RESOURCE)
#undef API_RESOURCE

/* The last row of such a table. */
#define OPERATIONS_END \
    {                  \
        .type = NULL   \
    }

#define API_ACCOUNT "/accounts/:account"

/* A reply of the store: answers, or asks again, and is STATUS_OK; or fails, which is answered by
 * the caller of this. */
typedef enum status exchange_next_fn(struct exchange *exchange, const redisReply *reply,
                                     struct error *err);

struct exchange {
    struct api *api;
    struct http_request *request;
    const struct operation *operation;
    exchange_next_fn *next;
    LIST_ENTRY(exchange) open_link;
    bool is_open;               /* it is in api->open */
    struct exchange *followers; /* who have joined this one */
    bool is_repetition;         /* of a request that was answered before: said in a header */
    char account[ID_SIZE];
    char token[ID_SIZE]; /* its id: createdBy */
    enum media media;
    struct list list;
    char after[STORE_CURSOR_SIZE]; /* of the page of a list */
    char default_bucket[ID_SIZE];  /* "": none */
    void *record;                  /* NULL, or what a reply adds to; owned */
    void (*release_record)(void *record);
    struct query query[]; /* one, of a list: the others are many and take no parameters */
};

/* Admits and handles a request whose route is one of api->routes; context is the api. */
http_admit_fn exchange_admit;
http_handler_fn exchange_handle;

/* True: somebody has asked for the same resource in this turn, and the answer will come along with
 * the other one's. False: others may join this exchange, which is to be answered by
 * exchange_resource() or exchange_fail(). */
bool exchange_join(struct exchange *exchange);

enum status exchange_open_sharing(struct api *api, struct event_base *base, struct error *err)
    MUST_CHECK;
void exchange_close_sharing(struct api *api);

/* Answers with the records of the reply, as far as the list takes them. */
enum status exchange_rows(struct exchange *exchange, const redisReply *reply, exchange_row_fn *read,
                          struct error *err) MUST_CHECK;
/* Adds the records of a page to the list. next: the cursor of the next page; "": there is none.
 * Answers after the last page, or when the list is full; otherwise the operation starts again, with
 * the cursor in exchange->after. */
enum status exchange_page(struct exchange *exchange, const redisReply *rows, const char *next,
                          exchange_row_fn *read, struct error *err) MUST_CHECK;
/* Answers with the one record of the reply. */
enum status exchange_row(struct exchange *exchange, const redisReply *reply, exchange_row_fn *read,
                         struct error *err) MUST_CHECK;

/* The ID of the app and the last ID of the path; NULL where the route has none. Both are checked to
 * be IDs. */
const char *exchange_app(const struct exchange *exchange);
const char *exchange_id(const struct exchange *exchange);

/* Logs what the caller has asked for. noun: the name of the field that has the id. */
void exchange_log(const struct exchange *exchange, enum event_kind event, const char *noun,
                  const char *id);

/* Takes a record into the exchange, which releases it when it goes. */
void exchange_keep(struct exchange *exchange, void *record, void (*release)(void *record));

/* Has the request a body at all? */
bool exchange_has_body(const struct exchange *exchange);

/* The JSON of the request's body, of the operation's type. False: problem says why not. Caller owns
 * *ret_body. */
bool exchange_body(const struct exchange *exchange, json_t **ret_body, struct problem *problem);

/* Sends the call, and frees what it owns. */
void exchange_call(struct exchange *exchange, struct store_call *call, exchange_next_fn *next);

/* Answers; the exchange is gone. exchange_resource(), _created(), _accepted() and _list() are OK
 * when they have answered; json is borrowed. */
enum status exchange_resource(struct exchange *exchange, const json_t *json, struct error *err)
    MUST_CHECK;
enum status exchange_created(struct exchange *exchange, const json_t *json, const char *path,
                             struct error *err) MUST_CHECK;
enum status exchange_accepted(struct exchange *exchange, const json_t *json, struct error *err)
    MUST_CHECK;
enum status exchange_list(struct exchange *exchange, struct error *err) MUST_CHECK;
void exchange_deleted(struct exchange *exchange);
void exchange_refuse(struct exchange *exchange, const struct problem *problem);
void exchange_fail(struct exchange *exchange, const struct error *err);

#endif
