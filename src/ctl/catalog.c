/* The catalogue: records of backups, made again from what is in the buckets. */
#include "catalog.h"

#include "command.h"
#include "ctl/types.h"
#include "output.h"
#include "session.h"
#include "store/blocking.h"
#include "store/calls.h"
#include "wait.h"

#include <stdio.h>
#include <string.h>

enum { TASKS_MAX = 4096 }; /* followed with --wait; more are asked for, but not waited for */

struct rebuild {
    struct session *session;
    const char *account; /* NULL: all */
    const char *app;     /* an id; NULL: all */
    const char *bucket;  /* an id; NULL: all */
    bool quiet;
    struct output_array array;
    char tasks[TASKS_MAX][ID_SIZE];
    size_t task_count;
};

static enum status run(struct session *session, struct store_call *call, redisReply **ret_reply,
                       size_t *ret_count, struct error *err)
{
    if (session_run(session, call, ret_reply, err) != STATUS_OK)
        return error_status(err);
    return store_reply_count(*ret_reply, ret_count, err);
}

static enum status note(struct rebuild *rebuild, const struct task *task, const char *bucket,
                        struct error *err)
{
    if (rebuild->task_count < TASKS_MAX)
        memcpy(rebuild->tasks[rebuild->task_count++], task->id, ID_SIZE);
    if (rebuild->quiet)
        return STATUS_OK;
    if (rebuild->session->arguments->output == OUTPUT_JSON) {
        json_auto_t *json = NULL;
        if (task_to_json(task, &json, err) != STATUS_OK)
            return error_status(err);
        return output_array_add(&rebuild->array, json, err);
    }
    (void)printf("catalog %s of %s in bucket %s: %s\n", task->id, task->app_name, bucket,
                 backup_state_name(task->state));
    return STATUS_OK;
}

/* Asks for a task. One that waits or runs already is as good. A task that is only asked for by the
 * way is not printed. */
static enum status ask(struct rebuild *rebuild, const struct app *app, const struct bucket *bucket,
                       struct error *err)
{
    CLEANUP(task_done) struct task task = {.state = BACKUP_STATE_UNSET};
    struct store_task_ids ids;
    const struct store_task_create create =
        store_catalog_wanted(app, bucket, rebuild->session->actor, &ids);
    if (store_task_create(rebuild->session->store, &create, &task, err) == STATUS_OK)
        return note(rebuild, &task, bucket->name, err);
    return error_is(err, REASON_TASK_EXISTS) ? STATUS_OK : err->status;
}

static enum status ask_for_buckets(struct rebuild *rebuild, const struct app *app,
                                   const redisReply *buckets, struct error *err)
{
    for (size_t i = 0; i < buckets->elements; i++) {
        struct bucket bucket = {.state = BUCKET_STATE_UNSET};
        if (store_reply_bucket(buckets->element[i], &bucket, err) != STATUS_OK)
            return error_status(err);
        bool meant = (rebuild->bucket == NULL || strcmp(bucket.id, rebuild->bucket) == 0) &&
                     (bucket.account[0] == '\0' || strcmp(bucket.account, app->account) == 0);
        enum status status = meant ? ask(rebuild, app, &bucket, err) : STATUS_OK;
        bucket_done(&bucket);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status ask_for_all(struct rebuild *rebuild, struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *apps = NULL;
    CLEANUP(reply_freep) redisReply *buckets = NULL;
    size_t count = 0;
    store_call_bucket_list(&call, rebuild->account);
    if (run(rebuild->session, &call, &buckets, &count, err) != STATUS_OK)
        return error_status(err);
    store_call_app_list(&call, rebuild->account);
    if (run(rebuild->session, &call, &apps, &count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        struct app app = {.state = APP_STATE_UNSET};
        if (store_reply_app(apps->element[i], &app, err) != STATUS_OK)
            return error_status(err);
        bool meant = rebuild->app == NULL || strcmp(app.id, rebuild->app) == 0;
        if (meant && ask_for_buckets(rebuild, &app, buckets, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* Until all have ended; the first that failed is the exit code. */
static enum status await(struct rebuild *rebuild, struct error *err)
{
    struct session *session = rebuild->session;
    bool interrupted = false;
    for (size_t i = 0; i < rebuild->task_count && !interrupted; i++) {
        CLEANUP(task_done) struct task task = {.state = BACKUP_STATE_UNSET};
        if (wait_for_task(session, rebuild->tasks[i], &task, &interrupted, err) != STATUS_OK)
            return error_status(err);
        if (!interrupted && task.state != BACKUP_COMPLETED)
            session->exit_code = CTL_EXIT_FAILED;
    }
    if (interrupted)
        session->exit_code = CTL_EXIT_INTERRUPTED;
    return STATUS_OK;
}

enum status catalog_ask(struct session *session, const char *app, size_t *ret_count,
                        struct error *err)
{
    static struct rebuild rebuild; /* large, and there is one at a time */
    rebuild = (struct rebuild){.session = session, .app = app, .quiet = true};
    if (ask_for_all(&rebuild, err) != STATUS_OK)
        return error_status(err);
    *ret_count = rebuild.task_count;
    return STATUS_OK;
}

static enum status run_catalog_rebuild(struct session *session, struct error *err)
{
    static struct rebuild rebuild; /* large, and there is one */
    const struct arguments *arguments = session->arguments;
    struct app app = {.state = APP_STATE_UNSET};
    char bucket[ID_SIZE];
    rebuild.session = session;
    rebuild.account = session->account;
    if (arguments->count > 0) {
        if (session_find_app(session, arguments->values[0], &app, err) != STATUS_OK)
            return error_status(err);
        rebuild.app = app.id;
    }
    if (arguments->bucket != NULL) {
        if (session_find_bucket(session, arguments->bucket, bucket, err) != STATUS_OK)
            return error_status(err);
        rebuild.bucket = bucket;
    }
    if (ask_for_all(&rebuild, err) != STATUS_OK)
        return error_status(err);
    if (arguments->output == OUTPUT_JSON)
        output_array_end(&rebuild.array);
    return arguments->wait ? await(&rebuild, err) : STATUS_OK;
}

/* clang-format off */
const struct command catalog_commands[] = {
    {
        .group = "catalog", .verb = "rebuild", .usage = "[APP] [--bucket BUCKET] [--wait]",
        .arguments_max = 1,
        .options = OPTION_BUCKET | OPTION_WAIT,
        .run = run_catalog_rebuild,
        .summary = "make lost records of backups again from the buckets",
        .help = "  APP, BUCKET       a name or an id; without, all of them\n"
                "  --wait            until all is read: exit code 0 if it could be, 1 if not\n"
                "Each app's node reads what its repositories hold. Records that are there stay as\n"
                "they are, and what was deleted stays so. Workers do this by themselves when an app\n"
                "has no record at all, as after the loss of Redis.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
