#include "scenario.h"

#include "core/id.h"
#include "store/calls.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct redis_server server;
struct store *store;
redisContext *redis;

struct store_options options(int64_t timeout_ms)
{
    return (struct store_options){.address = server.address, .timeout_ms = timeout_ms};
}

const char *look(const char *format, ...)
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

long connections_made(void)
{
    const char *stats = look("INFO stats");
    const char *field = strstr(stats, "total_connections_received:");
    cr_assert(field != NULL);
    return strtol(strchr(field, ':') + 1, NULL, 10);
}

const char *backup_field(const char *id, const char *field)
{
    return look("HGET appbackup:backup:%s %s", id, field);
}

const char *job_field(const char *id, const char *field)
{
    return look("HGET appbackup:job:%s %s", id, field);
}

enum status run_call(const struct store_call *call, redisReply **ret_reply, struct error *err)
{
    enum status status = store_run(store, call, ret_reply, err);
    if (status != STATUS_OK)
        return status;
    return store_reply_nothing(*ret_reply, err);
}

struct made new_ids(void)
{
    struct made made;
    id_random(made.id);
    id_random(made.job);
    return made;
}

void want(struct wanted *wanted, const char *id, const char *job, const char *app, const char *name)
{
    *wanted = (struct wanted){
        .request = {.version = "1.1"},
        .create = {.id = id,
                   .job = job,
                   .account = ACCOUNT,
                   .app = app,
                   .created_by = ACTOR,
                   .request = &wanted->request},
    };
    (void)snprintf(wanted->request.name, sizeof(wanted->request.name), "%s", name);
}

enum status create_wanted(const struct wanted *wanted, struct error *err)
{
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_call_backup_create(&call, &wanted->create, err) != STATUS_OK)
        return err->status;
    return run_call(&call, &reply, err);
}

enum status create(const char *id, const char *job, const char *app, const char *name,
                   struct error *err)
{
    struct wanted wanted;
    want(&wanted, id, job, app, name);
    return create_wanted(&wanted, err);
}

struct made make(const char *app, const char *name)
{
    struct made made = new_ids();
    MUST(create(made.id, made.job, app, name, err));
    return made;
}

bool try_claim(struct job *ret_job, int64_t lease_ms)
{
    bool found = false;
    const struct store_claim_terms terms = {.lease_ms = lease_ms, .kills_max = KILLS_MAX};
    MUST(store_job_claim(store, NODE, WORKER, &terms, ret_job, &found, err));
    return found;
}

struct job claim(void)
{
    struct job job = {0};
    cr_assert(try_claim(&job, LEASE_MS), "nothing to claim");
    return job;
}

enum status advance(const struct job *job, enum backup_state state, struct error *err)
{
    enum store_lease lease = STORE_LEASE_OK;
    return store_job_advance(store, job, state, LEASE_MS, NULL, &lease, err);
}

enum status finish(const struct job *job, enum store_outcome outcome, const char *reason,
                   struct error *err)
{
    const struct store_finish last = {
        .outcome = outcome, .reason = reason, .progress = STORE_PROGRESS_NONE};
    return store_job_finish(store, job, &last, err);
}

enum status delete (const char *id, struct error *err) {
    struct store_call call; CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_delete(&call, ACCOUNT, NULL, id, ACTOR);
    return run_call(&call, &reply, err);
}

enum status try_order(const struct store_task_create *wanted, struct made *ret_made,
                      struct error *err)
{
    struct store_task_create create = *wanted;
    *ret_made = new_ids();
    create.id = ret_made->id;
    create.job = ret_made->job;
    create.created_by = ACTOR;
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_call_task_create(&call, &create, err) != STATUS_OK)
        return err->status;
    return run_call(&call, &reply, err);
}

struct made order(const struct store_task_create *wanted)
{
    struct made made;
    MUST(try_order(wanted, &made, err));
    return made;
}

const char *task_field(const char *id, const char *field)
{
    return look("HGET appbackup:task:%s %s", id, field);
}

struct job run(const char *app, const char *name)
{
    struct made made = make(app, name);
    struct job job = claim();
    cr_assert(eq(str, job.id, made.job));
    MUST(advance(&job, BACKUP_DISCOVERING, err));
    MUST(advance(&job, BACKUP_RUNNING, err));
    return job;
}

struct job claim_running(const char *expected)
{
    struct job job = claim();
    cr_assert(eq(str, job.id, (char *)expected));
    MUST(advance(&job, BACKUP_RUNNING, err));
    return job;
}

/* Appends to names, joined by blanks. */
static void add_names(const redisReply *backups, char *names, size_t size)
{
    size_t elements = 0;
    MUST(store_reply_count(backups, &elements, err));
    for (size_t i = 0; i < elements; i++) {
        CLEANUP(backup_done) struct backup backup = {0};
        MUST(store_reply_backup(backups->element[i], &backup, err));
        size_t used = strlen(names);
        cr_assert(lt(sz, used + strlen(backup.name) + 2, size));
        (void)snprintf(names + used, size - used, "%s%s", used > 0 ? " " : "", backup.name);
    }
}

const char *next_names(struct reading *reading)
{
    static char names[32 * 1024];
    names[0] = '\0';
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, reading->account, reading->app, reading->page.next,
                           reading->count);
    MUST(store_run(store, &call, &reply, err));
    MUST(store_reply_backup_page(reply, &reading->page, err));
    add_names(reading->page.backups, names, sizeof(names));
    reading->has_ended = *reading->page.next == '\0';
    return names;
}

const char *list(const char *account, const char *app, int64_t count)
{
    static char pages[512];
    struct reading reading = {.account = account, .app = app, .count = count};
    (void)snprintf(pages, sizeof(pages), "%s", next_names(&reading));
    while (!reading.has_ended) {
        size_t used = strlen(pages);
        (void)snprintf(pages + used, sizeof(pages) - used, "|%s", next_names(&reading));
    }
    return pages;
}

enum status renew(const struct job *job, const struct store_progress *progress, struct error *err)
{
    enum store_lease lease = STORE_LEASE_OK;
    return store_job_renew(store, job, LEASE_MS, progress, &lease, err);
}

struct job completed(const char *app, const char *name)
{
    struct job job = run(app, name);
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    return job;
}

void register_apps(const char *node, const char *const *ids, const char *const *names, size_t count)
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

void register_bucket(const char *id, const char *account, const char *name, bool is_default)
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

void start_empty(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    redis_server_start(&server, NULL);
    struct store_options wanted = options(5000);
    MUST(store_open(&wanted, &store, err));
    redis = redisConnectUnix(server.socket);
    cr_assert(redis != NULL && redis->err == 0);
}

void register_world(void)
{
    MUST(store_node_register(store, NODE, "0.1.0",
                             &(struct store_node_limits){.slots = 2, .retries_max = 4}, err));
    register_apps(NODE, (const char *const[]){SHOP, WIKI}, (const char *const[]){"shop", "wiki"},
                  2);
    register_bucket(BUCKET, "", "main", true);
}

void start(void)
{
    start_empty();
    register_world();
}

void stop(void)
{
    store_close(store);
    store = NULL;
    if (redis != NULL)
        redisFree(redis);
    redis = NULL;
    redis_server_stop(&server);
}

bool waiting(int64_t *deadline_ms)
{
    if (*deadline_ms == 0)
        *deadline_ms = clock_mono_ms() + WAIT_MAX_MS;
    cr_assert(clock_mono_ms() < *deadline_ms, "it did not come about in time");
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
    return true;
}
