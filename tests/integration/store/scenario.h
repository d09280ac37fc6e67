/*
 * The stage of the tests here: a Redis of their own with one node, two apps and a default bucket,
 * and short words for what is done on it. A word that fails ends the test.
 */
#ifndef TESTS_INTEGRATION_STORE_SCENARIO_H
#define TESTS_INTEGRATION_STORE_SCENARIO_H

#include "core/clock.h"
#include "core/id.h"
#include "store/blocking.h"
#include "store/calls.h"
#include "tests/support/redis_server.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACCOUNT "aaaaaaaa-0000-4000-8000-000000000001"
#define OTHER   "aaaaaaaa-0000-4000-8000-000000000002" /* an account without anything */
#define SHOP    "bbbbbbbb-0000-5000-8000-000000000001" /* an app of ACCOUNT on NODE */
#define WIKI    "bbbbbbbb-0000-5000-8000-000000000002" /* another one */
#define BUCKET  "cccccccc-0000-5000-8000-000000000001" /* the default for every account */
#define ACTOR   "dddddddd-0000-4000-8000-000000000001"
#define NOBODY  "eeeeeeee-0000-4000-8000-000000000001" /* an id that nothing has */
#define NODE    "web1.example"
#define WORKER  "web1.example:4711:1"

enum { LEASE_MS = 15000, WAIT_MAX_MS = 10000, KILLS_MAX = 3 };

static struct redis_server server;
static struct store *store;
static redisContext *redis; /* past the library, to look at keys and to force states */

UNUSED static struct store_options options(int64_t timeout_ms)
{
    return (struct store_options){.address = server.address, .timeout_ms = timeout_ms};
}

#define MUST(call)                                                    \
    do {                                                              \
        struct error must_err_ = {0};                                 \
        struct error *err = &must_err_;                               \
        enum status must_status_ = (call);                            \
        cr_assert(eq(int, must_status_, STATUS_OK), "%s", err->text); \
    } while (0)

/* The call is refused with this status and reason. */
#define REFUSED(call, status_, reason_)                                              \
    do {                                                                             \
        struct error must_err_ = {0};                                                \
        struct error *err = &must_err_;                                              \
        int must_status_ = (int)(call);                                              \
        cr_assert(eq(int, must_status_, (int)(status_)), "%s", err->text);           \
        cr_assert(eq(str, (char *)err->reason, (char *)(reason_)), "%s", err->text); \
    } while (0)

/* One command, past the library; its reply as text ("" for nil, the number as digits). The text
 * is good until the next call. */
UNUSED static const char *look(const char *format, ...)
{
    static char text[8192];
    va_list args;
    va_start(args, format);
    redisReply *reply = redisvCommand(redis, format, args);
    va_end(args);
    cr_assert(reply != NULL, "redis: %s", redis->errstr);
    cr_assert(reply->type != REDIS_REPLY_ERROR, "redis: %s", reply->str);
    text[0] = '\0';
    if (reply->type == REDIS_REPLY_INTEGER)
        (void)snprintf(text, sizeof(text), "%lld", reply->integer);
    else if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS)
        (void)snprintf(text, sizeof(text), "%s", reply->str);
    else if (reply->type == REDIS_REPLY_ARRAY)
        for (size_t i = 0; i < reply->elements; i++) {
            size_t used = strlen(text);
            const redisReply *element = reply->element[i];
            (void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? "\n" : "",
                           element->str != NULL ? element->str : "");
        }
    freeReplyObject(reply);
    return text;
}

/* Since the server has started. */
UNUSED static long connections_made(void)
{
    const char *stats = look("INFO stats");
    const char *field = strstr(stats, "total_connections_received:");
    cr_assert(field != NULL);
    return strtol(strchr(field, ':') + 1, NULL, 10);
}

UNUSED static const char *backup_field(const char *id, const char *field)
{
    return look("HGET appbackup:backup:%s %s", id, field);
}

UNUSED static const char *job_field(const char *id, const char *field)
{
    return look("HGET appbackup:job:%s %s", id, field);
}

#define EXPECT_TEXT(actual, expected) cr_expect(eq(str, (char *)(actual), (char *)(expected)))

UNUSED static enum status run_call(const struct store_call *call, redisReply **ret_reply,
                                   struct error *err)
{
    enum status status = store_run(store, call, ret_reply, err);
    if (status != STATUS_OK)
        return status;
    return store_reply_nothing(*ret_reply, err);
}

UNUSED static enum status create(const char *id, const char *job, const char *app, const char *name,
                                 struct error *err)
{
    struct backup_request request = {.version = "1.1"};
    (void)snprintf(request.name, sizeof(request.name), "%s", name);
    const struct store_backup_create wanted = {.id = id,
                                               .job = job,
                                               .account = ACCOUNT,
                                               .app = app,
                                               .created_by = ACTOR,
                                               .request = &request};
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_call_backup_create(&call, &wanted, err) != STATUS_OK)
        return err->status;
    return run_call(&call, &reply, err);
}

/* A backup of an app, with ids of its own. */
struct made {
    char id[ID_SIZE];
    char job[ID_SIZE];
};

UNUSED static struct made make(const char *app, const char *name)
{
    struct made made;
    id_random(made.id);
    id_random(made.job);
    MUST(create(made.id, made.job, app, name, err));
    return made;
}

UNUSED static bool try_claim(struct job *ret_job, int64_t lease_ms)
{
    bool found = false;
    const struct store_claim_terms terms = {.lease_ms = lease_ms, .kills_max = KILLS_MAX};
    MUST(store_job_claim(store, NODE, WORKER, &terms, ret_job, &found, err));
    return found;
}

UNUSED static struct job claim(void)
{
    struct job job = {0};
    cr_assert(try_claim(&job, LEASE_MS), "nothing to claim");
    return job;
}

UNUSED static enum status advance(const struct job *job, enum backup_state state, struct error *err)
{
    enum store_lease lease = STORE_LEASE_OK;
    return store_job_advance(store, job, state, LEASE_MS, NULL, &lease, err);
}

UNUSED static enum status finish(const struct job *job, enum store_outcome outcome,
                                 const char *reason, struct error *err)
{
    const struct store_finish last = {
        .outcome = outcome, .reason = reason, .progress = STORE_PROGRESS_NONE};
    return store_job_finish(store, job, &last, err);
}

UNUSED static enum status delete (const char *id, struct error *err) {
    struct store_call call; CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_delete(&call, ACCOUNT, NULL, id, ACTOR);
    return run_call(&call, &reply, err);
}

/* A task that has been asked for; id, job and who asks are filled in. */
UNUSED static enum status try_order(const struct store_task_create *wanted, struct made *ret_made,
                                    struct error *err)
{
    struct store_task_create create = *wanted;
    id_random(ret_made->id);
    id_random(ret_made->job);
    create.id = ret_made->id;
    create.job = ret_made->job;
    create.created_by = ACTOR;
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_call_task_create(&call, &create, err) != STATUS_OK)
        return err->status;
    return run_call(&call, &reply, err);
}

UNUSED static struct made order(const struct store_task_create *wanted)
{
    struct made made;
    MUST(try_order(wanted, &made, err));
    return made;
}

UNUSED static const char *task_field(const char *id, const char *field)
{
    return look("HGET appbackup:task:%s %s", id, field);
}

/* A new backup whose job has been claimed and which is running. */
UNUSED static struct job run(const char *app, const char *name)
{
    struct made made = make(app, name);
    struct job job = claim();
    cr_assert(eq(str, job.id, made.job));
    MUST(advance(&job, BACKUP_DISCOVERING, err));
    MUST(advance(&job, BACKUP_RUNNING, err));
    return job;
}

UNUSED static void register_apps(const char *node, const char *const *ids, const char *const *names,
                                 size_t count)
{
    struct app apps[4] = {0};
    const struct app *list[4] = {&apps[0], &apps[1], &apps[2], &apps[3]};
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(apps[i].id, sizeof(apps[i].id), "%s", ids[i]);
        (void)snprintf(apps[i].account, sizeof(apps[i].account), ACCOUNT);
        (void)snprintf(apps[i].name, sizeof(apps[i].name), "%s", names[i]);
    }
    json_auto_t *told = NULL;
    MUST(store_apps_list(list, count, &told, err));
    MUST(store_apps_register(store, node, told, err));
}

UNUSED static void register_bucket(const char *id, const char *account, const char *name,
                                   bool is_default)
{
    struct bucket bucket = {.provider = BUCKET_DIRECTORY,
                            .server_url = "file:///var/backups",
                            .bucket_name = "main",
                            .state = BUCKET_AVAILABLE,
                            .is_default = is_default};
    (void)snprintf(bucket.id, sizeof(bucket.id), "%s", id);
    (void)snprintf(bucket.account, sizeof(bucket.account), "%s", account);
    (void)snprintf(bucket.name, sizeof(bucket.name), "%s", name);
    MUST(store_bucket_register(store, &bucket, err));
}

UNUSED static void start_empty(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, NULL);
    struct store_options wanted = options(5000);
    MUST(store_open(&wanted, &store, err));
    redis = redisConnectUnix(server.socket);
    cr_assert(redis != NULL && redis->err == 0);
}

UNUSED static void register_world(void)
{
    MUST(store_node_register(store, NODE, "0.1.0",
                             &(struct store_node_limits){.slots = 2, .retries_max = 4}, err));
    register_apps(NODE, (const char *const[]){SHOP, WIKI}, (const char *const[]){"shop", "wiki"},
                  2);
    register_bucket(BUCKET, "", "main", true);
}

UNUSED static void start(void)
{
    start_empty();
    register_world();
}

UNUSED static void stop(void)
{
    store_close(store);
    store = NULL;
    if (redis != NULL)
        redisFree(redis);
    redis = NULL;
    redis_server_stop(&server);
}

/* Waits for something that time alone brings about: while (waiting(&deadline_ms)) ... */
UNUSED static bool waiting(int64_t *deadline_ms)
{
    if (*deadline_ms == 0)
        *deadline_ms = clock_mono_ms() + WAIT_MAX_MS;
    cr_assert(clock_mono_ms() < *deadline_ms, "it did not come about in time");
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
    return true;
}

#endif
