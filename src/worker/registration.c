#include "registration.h"

#include "bucket_check.h"
#include "core/cleanup.h"
#include "model/detail.h"

static enum status register_bucket(struct store *store, const struct bucket_definition *definition,
                                   struct error *err)
{
    json_auto_t *details = json_array();
    if (details == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "bucket '%s'", definition->bucket.name);

    struct bucket bucket = definition->bucket; /* details stay ours: bucket_done() is not called */
    bucket.state = BUCKET_AVAILABLE;
    bucket.state_details = details;
    struct error cause = {0};
    if (bucket_check(definition, &cause) != STATUS_OK) {
        bucket.state = BUCKET_FAILED;
        detail_add(details, cause.reason, "Bucket unreachable", cause.text, NULL);
    }
    return store_bucket_register(store, &bucket, err);
}

static enum status register_apps(struct store *store, const struct setup *setup, struct error *err)
{
    size_t count = setup->apps->count;
    CLEANUP(free_any) const struct app **apps = calloc(count + 1, sizeof(const struct app *));
    if (apps == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu apps", count);
    for (size_t i = 0; i < count; i++)
        apps[i] = &setup->apps->items[i]->app;
    return store_apps_register(store, setup->config->node, apps, count, err);
}

enum status registration_run(struct store *store, const struct setup *setup, struct error *err)
{
    const struct config *config = setup->config;
    if (store_node_register(store, config->node, APPBACKUP_VERSION, config->worker.slots, err) !=
        STATUS_OK)
        return FAIL_IN(err, "register node '%s'", config->node);
    if (register_apps(store, setup, err) != STATUS_OK)
        return FAIL_IN(err, "register apps");
    for (size_t i = 0; i < config->bucket_count; i++)
        if (register_bucket(store, &config->buckets[i], err) != STATUS_OK)
            return FAIL_IN(err, "register bucket '%s'", config->buckets[i].bucket.name);
    return STATUS_OK;
}
