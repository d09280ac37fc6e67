#include "access/bucket.h"
#include "config/config.h"
#include "config/credentials.h"
#include "files/exclude.h"
#include "worker/worker.h"

static enum status check_key(const struct config *config, struct error *err)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    if (!config_may_read(config->master_key_file))
        return STATUS_OK;
    return config_repository_passphrase(config, ID_NIL, &passphrase, err);
}

static enum status check_start(const struct config *config, const struct config_apps *apps,
                               struct error *err)
{
    if (config_check_volumes(config, apps, err) != STATUS_OK)
        return error_status(err);
    return check_key(config, err);
}

static enum status check_excludes(const struct config_apps *apps, size_t index, struct error *err)
{
    char *const *excludes = apps->items[index]->excludes;
    for (size_t i = 0; excludes[i] != NULL; i++) {
        const char *const one[] = {excludes[i], NULL};
        struct exclude *exclude = NULL;
        if (exclude_new(one, &exclude, err) != STATUS_OK)
            return config_refuse(apps->documents[index], err, "excludes[%zu]", i);
        exclude_free(exclude);
    }
    return STATUS_OK;
}

static enum status check_bucket(const struct config *config, size_t index, struct error *err)
{
    const struct bucket_s3 *s3 = &config->buckets[index].s3;
    if (s3->credentials_file != NULL && config_may_read(s3->credentials_file) &&
        access_bucket_check_credentials(s3->credentials_file, err) != STATUS_OK)
        return config_refuse(config->document, err, "buckets[%zu].credentials_file", index);
    if (s3->ca_file != NULL && config_may_read(s3->ca_file) &&
        access_bucket_check_ca(s3->ca_file, err) != STATUS_OK)
        return config_refuse(config->document, err, "buckets[%zu].ca_file", index);
    return STATUS_OK;
}

enum status worker_check_loaded(const struct config *config, const struct config_apps *apps,
                                struct error *err)
{
    if (check_start(config, apps, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < apps->count; i++)
        if (check_excludes(apps, i, err) != STATUS_OK)
            return error_status(err);
    for (size_t i = 0; i < config->bucket_count; i++)
        if (check_bucket(config, i, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

typedef enum status check_fn(const struct config *config, const struct config_apps *apps,
                             struct error *err);

static enum status load_and_check(const char *config_path, check_fn *check, struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    enum status status = config_may_read_secrets() ? config_load(config_path, &config, err)
                                                   : config_load_public(config_path, &config, err);
    if (status != STATUS_OK || config_load_apps(config, &apps, err) != STATUS_OK)
        return error_status(err);
    return check(config, apps, err);
}

enum status worker_check(const char *config_path, struct error *err)
{
    return load_and_check(config_path, check_start, err);
}

enum status worker_check_all(const char *config_path, struct error *err)
{
    return load_and_check(config_path, worker_check_loaded, err);
}
