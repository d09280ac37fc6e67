#include "config/config.h"
#include "worker/worker.h"

enum status worker_check(const char *config_path, struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    CLEANUP(secret_freep) struct secret *passphrase = NULL;

    bool with_secrets = config_may_read_secrets();
    enum status status = with_secrets ? config_load(config_path, &config, err)
                                      : config_load_public(config_path, &config, err);
    if (status != STATUS_OK || config_load_apps(config, &apps, err) != STATUS_OK)
        return err->status;
    return with_secrets ? config_repository_passphrase(config, ID_NIL, &passphrase, err)
                        : STATUS_OK;
}
