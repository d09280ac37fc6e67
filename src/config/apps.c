#include "app.h"
#include "config/config.h"
#include "core/path.h"
#include "schema.h"
#include "trusted.h"
#include "yaml_listing.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
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

/* Takes app and document into the list, unless its id is there: two files would fight for one
 * repository. */
static enum status add_app(struct document *document, struct config_apps *apps,
                           struct app_definition *app, struct error *err)
{
    if (config_apps_find(apps, app->app.id) != NULL) {
        enum status status = document_refuse(
            document, "name", err, "'%s' is the name of another file's app in the same account",
            app->app.name);
        app_definition_free(app);
        return status;
    }
    document_forget_text(document);
    apps->documents[apps->count] = *document;
    apps->items[apps->count++] = app;
    *document = (struct document){0};
    return STATUS_OK;
}

static enum status load_app(int directory, const char *file, const struct config *config,
                            struct config_apps *apps, struct error *err)
{
    struct document document = {0};
    if (yaml_listing_open(directory, config->apps_directory, file, &document, err) != STATUS_OK)
        return error_status(err);
    struct app_definition *app = NULL;
    enum status status = read_document(&document, file, config, &app, err);
    if (status == STATUS_OK)
        status = add_app(&document, apps, app, err);
    document_done(&document);
    return status;
}

static enum status load_all(int directory, const struct yaml_listing *listing,
                            const struct config *config, struct config_apps **ret_apps,
                            struct error *err)
{
    CLEANUP(config_apps_freep) struct config_apps *apps = calloc(1, sizeof(*apps));
    if (apps == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "apps");
    apps->items = calloc(listing->count + 1, sizeof(struct app_definition *));
    apps->documents = calloc(listing->count + 1, sizeof(apps->documents[0]));
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

enum status config_apps_refuse(const struct config_apps *apps, size_t index, struct error *err,
                               const char *format, ...)
{
    char key[DOCUMENT_KEY_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(key, sizeof(key), format, args);
    va_end(args);
    enum status status = document_refuse_in(&apps->documents[index], key, err);
    return status_is_transient(status) ? status : FAIL_AS(err, REASON_CONFIGURATION_INVALID);
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
                return config_apps_refuse(apps, i, err, "volumes[%zu]", k);
    }
    return STATUS_OK;
}

void config_apps_free(struct config_apps *apps)
{
    if (apps == NULL)
        return;
    for (size_t i = 0; i < apps->count; i++) {
        app_definition_free(apps->items[i]);
        document_done(&apps->documents[i]);
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
