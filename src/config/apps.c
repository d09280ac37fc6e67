#include "config/config.h"
#include "core/path.h"
#include "schema.h"
#include "sections.h"
#include "trusted.h"
#include "yaml_listing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum status read_document(const struct document *document, const char *file,
                                 const struct config *config, struct app_definition **ret_app,
                                 struct error *err)
{
    CLEANUP(freep) char *name = strndup(file, strlen(file) - strlen(YAML_LISTING_ENDING));
    if (name == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    void *raw = NULL;
    if (schema_load(document, &raw_app_schema, &raw, err) != STATUS_OK)
        return error_status(err);
    enum status status = app_read(document, raw, name, config, ret_app, err);
    schema_free(&raw_app_schema, raw);
    return status;
}

/* Two files with the same app would fight for one repository. */
static enum status check_app_is_new(const struct document *document, const struct config_apps *apps,
                                    const struct app *app, struct error *err)
{
    if (config_apps_find(apps, app->id) == NULL)
        return STATUS_OK;
    return document_refuse(document, "name", err,
                           "'%s' is the name of another file's app in the same account", app->name);
}

static enum status load_app(int directory, const char *file, const struct config *config,
                            struct config_apps *apps, struct error *err)
{
    CLEANUP(document_freep) struct document *document = NULL;
    CLEANUP(app_definition_freep) struct app_definition *app = NULL;
    if (yaml_listing_open(directory, config->apps_directory, file, &document, err) != STATUS_OK ||
        read_document(document, file, config, &app, err) != STATUS_OK ||
        check_app_is_new(document, apps, &app->app, err) != STATUS_OK)
        return error_status(err);
    document_forget_text(document);
    apps->documents[apps->count] = STEAL(document);
    apps->items[apps->count++] = STEAL(app);
    return STATUS_OK;
}

static enum status load_all(int directory, const struct yaml_listing *listing,
                            const struct config *config, struct config_apps **ret_apps,
                            struct error *err)
{
    CLEANUP(config_apps_freep) struct config_apps *apps = calloc(1, sizeof(*apps));
    if (apps == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "apps");
    apps->items = calloc(listing->count + 1, sizeof(struct app_definition *));
    apps->documents = calloc(listing->count + 1, sizeof(struct document *));
    if (apps->items == NULL || apps->documents == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "apps");
    for (size_t i = 0; i < listing->count; i++)
        if (load_app(directory, listing->names[i], config, apps, err) != STATUS_OK)
            return error_status(err);
    *ret_apps = STEAL(apps);
    return STATUS_OK;
}

enum status config_load_apps(const struct config *config, struct config_apps **ret_apps,
                             struct error *err)
{
    const char *path = config->apps_directory;
    CLEANUP(fd_closep) int directory = -1;
    if (trusted_open(AT_FDCWD, path, S_IFDIR, path, &directory, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(yaml_listing_freep) struct yaml_listing *listing = NULL;
    if (yaml_listing_read(directory, &listing, err) != STATUS_OK)
        return FAIL_IN(err, "%s", path);
    return load_all(directory, listing, config, ret_apps, err);
}

static enum status check_volume(const struct config *config, const char *volume, struct error *err)
{
    if (path_check_apart(volume, config->state_directory, err) != STATUS_OK)
        return FAIL_IN(err, "a directory apart from state_directory is expected");
    for (size_t i = 0; i < config->bucket_count; i++) {
        const struct bucket_definition *bucket = &config->buckets[i];
        if (bucket->path != NULL && path_check_apart(volume, bucket->path, err) != STATUS_OK)
            return FAIL_IN(err, "a directory apart from the path of bucket '%s' is expected",
                           bucket->bucket.name);
    }
    return STATUS_OK;
}

enum status config_check_volumes(const struct config *config, const struct config_apps *apps,
                                 struct error *err)
{
    for (size_t i = 0; i < apps->count; i++) {
        char *const *volumes = apps->items[i]->volumes;
        for (size_t k = 0; volumes[k] != NULL; k++)
            if (check_volume(config, volumes[k], err) != STATUS_OK)
                return config_refuse(apps->documents[i], err, "volumes[%zu]", k);
    }
    return STATUS_OK;
}

void config_apps_free(struct config_apps *apps)
{
    if (apps == NULL)
        return;
    for (size_t i = 0; i < apps->count; i++) {
        app_definition_free(apps->items[i]);
        document_free(apps->documents[i]);
    }
    free(apps->documents);
    free(apps->items);
    free(apps);
}

const struct app_definition *config_apps_find(const struct config_apps *apps, const char *id)
{
    for (size_t i = 0; i < apps->count; i++)
        if (strcmp(apps->items[i]->app.id, id) == 0)
            return apps->items[i];
    return NULL;
}
