#include "config/config.h"
#include "worker/worker.h"

enum status worker_check(const char *config_path, struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    CLEANUP(secret_freep) struct secret *passphrase = NULL;

    if (config_load(config_path, &config, err) != STATUS_OK)
        return err->status;
    if (config_load_apps(config, &apps, err) != STATUS_OK)
        return err->status;
    return config_repository_passphrase(config, ID_NIL, &passphrase, err);
}
