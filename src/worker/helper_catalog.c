/*
 * Catalogue: after Redis has lost everything, the backups in the buckets are without records. For
 * each app of this node without a single backup in Redis, and each bucket that holds a repository
 * of it, a task is asked for that brings the records back. Where nothing is lost it finds nothing,
 * and costs a question per app; a bucket may be slow, and the supervisor must not wait for it.
 */
#include "core/log.h"
#include "helper_process.h"
#include "maintenance/maintenance.h"
#include "model/event.h"
#include "store/blocking.h"
#include "store/calls.h"

#include <stdlib.h>
#include <string.h>

static enum status has_backups(struct store *store, const struct app *app, bool *ret_has,
                               struct error *err)
{
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    struct store_backup_page page;
    size_t count = 0;
    store_call_backup_list(&call, app->account, app->id, "", 1);
    if (store_run(store, &call, &reply, err) != STATUS_OK ||
        store_reply_backup_page(reply, &page, err) != STATUS_OK ||
        store_reply_count(page.backups, &count, err) != STATUS_OK)
        return error_status(err);
    *ret_has = count > 0;
    return STATUS_OK;
}

/* A task that is asked for already is as good. */
static enum status ask(struct store *store, const struct app *app, const struct bucket *bucket,
                       struct error *err)
{
    struct store_task_ids ids;
    const struct store_task_create create = store_catalog_wanted(app, bucket, "schedule", &ids);
    CLEANUP(task_done) struct task task = {0};
    enum status status = store_task_create(store, &create, &task, err);
    if (status == STATUS_CONFLICT)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    log_event(LOG_LEVEL_NOTICE, EVENT_CATALOG_EMPTY, LOG_TEXT("app", app->id),
              LOG_TEXT("app_name", app->name), LOG_TEXT("bucket", bucket->id),
              LOG_TEXT("bucket_name", bucket->name));
    return STATUS_OK;
}

static bool may_use(const struct app *app, const struct bucket *bucket)
{
    return bucket->account[0] == '\0' || strcmp(bucket->account, app->account) == 0;
}

/* What a bucket has of an app. */
enum holding { NOTHING, SOMETHING, UNREACHED };

static enum holding look_at_bucket(const struct app *app, const struct bucket_definition *bucket,
                                   struct error *first)
{
    bool exists = false;
    struct error err = {0};
    if (!may_use(app, &bucket->bucket))
        return NOTHING;
    if (catalog_exists(bucket, app->id, &exists, &err) == STATUS_OK)
        return exists ? SOMETHING : NOTHING;
    error_wrap(&err, "bucket '%s'", bucket->bucket.name);
    if (first->status == STATUS_OK)
        *first = err;
    return UNREACHED;
}

/* Once one bucket has brought back a record, nobody would look into the others any more: one that
 * cannot be reached now gets its task as well, which waits for it and tells if it stays away. */
static enum status ask_for_all(struct store *store, const struct config *config,
                               const struct app *app, const enum holding *holdings,
                               struct error *err)
{
    struct error first = {0};
    for (size_t i = 0; i < config->bucket_count; i++) {
        const struct bucket *bucket = &config->buckets[i].bucket;
        if (holdings[i] == NOTHING || ask(store, app, bucket, err) == STATUS_OK)
            continue;
        error_wrap(err, "bucket '%s'", bucket->name);
        if (first.status == STATUS_OK)
            first = *err;
    }
    if (first.status == STATUS_OK)
        return STATUS_OK;
    *err = first;
    return error_status(err);
}

/* Where no bucket has anything, and one cannot be reached, there is nothing to make again as far as
 * is known: the next attempt knows more. */
static enum status look_at_app(struct store *store, const struct config *config,
                               const struct app *app, struct error *err)
{
    bool has_records = false;
    bool found = false;
    struct error first = {0};
    if (has_backups(store, app, &has_records, err) != STATUS_OK)
        return error_status(err);
    if (has_records)
        return STATUS_OK;
    CLEANUP(free_any)
    enum holding *holdings = calloc(config->bucket_count + 1, sizeof(*holdings));
    if (holdings == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu buckets", config->bucket_count);
    for (size_t i = 0; i < config->bucket_count; i++) {
        holdings[i] = look_at_bucket(app, &config->buckets[i], &first);
        found = found || holdings[i] == SOMETHING;
    }
    if (found)
        return ask_for_all(store, config, app, holdings, err);
    if (first.status == STATUS_OK)
        return STATUS_OK;
    *err = first;
    return error_status(err);
}

/* What fails for one app does not keep the others from theirs. */
int helper_compare_catalog(const struct node_config *node)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = node_config_store_options(node);
    struct error err = {0};
    struct error first = {0};
    if (store_open(&options, &store, &err) != STATUS_OK)
        return EXIT_FAILURE;
    for (size_t i = 0; i < node->apps->count; i++) {
        const struct app *app = &node->apps->items[i]->app;
        if (look_at_app(store, node->config, app, &err) != STATUS_OK && first.status == STATUS_OK)
            first = err;
    }
    if (first.status == STATUS_OK)
        return EXIT_SUCCESS;
    log_text(LOG_LEVEL_WARNING, "catalogue not compared with all buckets, trying again",
             LOG_TEXT("reason", first.text));
    return EXIT_FAILURE;
}
