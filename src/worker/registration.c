#include "registration.h"

#include "access/bucket.h"
#include "core/cleanup.h"
#include "model/detail.h"
#include "store/calls.h"

enum status registration_tell_bucket(struct store *store,
                                     const struct bucket_definition *definition,
                                     enum bucket_state state, const struct error *cause,
                                     struct error *err)
{
    json_auto_t *details = json_array();
    if (details == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "bucket '%s'", definition->bucket.name);

    struct bucket bucket = definition->bucket; /* details stay ours: bucket_done() is not called */
    bucket.state = state;
    bucket.state_details = details;
    if (cause != NULL)
        detail_add_cause(details, "Bucket not usable", cause);
    return store_bucket_register(store, &bucket, err);
}

/* What Redis knows of an S3 bucket is left as it is until the probe knows better. */
static enum status register_bucket(struct store *store, const struct bucket_definition *definition,
                                   bool is_anew, struct error *err)
{
    struct error cause = {0};
    if (definition->bucket.provider != BUCKET_DIRECTORY) {
        if (!is_anew)
            return STATUS_OK;
        return registration_tell_bucket(store, definition, BUCKET_PENDING, NULL, err);
    }
    if (access_bucket_check_directory(definition, true, &cause) == STATUS_OK)
        return registration_tell_bucket(store, definition, BUCKET_AVAILABLE, NULL, err);
    return registration_tell_bucket(store, definition, BUCKET_FAILED, &cause, err);
}

static enum status register_apps(struct store *store, const struct node_config *node,
                                 struct error *err)
{
    size_t count = node->apps->count;
    CLEANUP(free_any) const struct app **apps = calloc(count + 1, sizeof(const struct app *));
    if (apps == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu apps", count);
    for (size_t i = 0; i < count; i++)
        apps[i] = &node->apps->items[i]->app;
    json_auto_t *list = NULL;
    if (store_apps_list(apps, count, &list, err) != STATUS_OK)
        return error_status(err);
    return store_apps_register(store, node->config->node, list, err);
}

enum status registration_run(struct store *store, const struct node_config *node,
                             const char *worker, bool is_anew, struct error *err)
{
    const struct config *config = node->config;
    const struct store_node_limits limits = {
        .slots = config->worker.slots, .retries_max = config->worker.retries_max, .worker = worker};
    if (store_node_register(store, config->node, APPBACKUP_VERSION, &limits, err) != STATUS_OK)
        return FAIL_IN(err, "register node '%s'", config->node);
    if (register_apps(store, node, err) != STATUS_OK)
        return FAIL_IN(err, "register apps");
    for (size_t i = 0; i < config->bucket_count; i++)
        if (register_bucket(store, &config->buckets[i], is_anew, err) != STATUS_OK)
            return FAIL_IN(err, "register bucket '%s'", config->buckets[i].bucket.name);
    return STATUS_OK;
}
