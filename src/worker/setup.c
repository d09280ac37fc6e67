#include "setup.h"

enum status setup_load(const char *config_path, struct setup *ret_setup, struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    struct setup setup = {0};

    if (config_load(config_path, &config, err) != STATUS_OK)
        return err->status;
    if (config_load_apps(config, &apps, err) != STATUS_OK)
        return err->status;
    if (places_init(&setup.places, config->state_directory, err) != STATUS_OK)
        return err->status;
    setup.config = STEAL(config);
    setup.apps = STEAL(apps);
    *ret_setup = setup;
    return STATUS_OK;
}

void setup_done(struct setup *setup)
{
    config_apps_free(setup->apps);
    config_free(setup->config);
    *setup = (struct setup){0};
}

struct store_options setup_store_options(const struct setup *setup)
{
    const struct config_redis *redis = &setup->config->redis;
    return (struct store_options){
        .address = redis->address,
        .username = redis->username,
        .password = redis->password,
        .database = (int)redis->database,
        .timeout_ms = redis->timeout_ms,
    };
}
