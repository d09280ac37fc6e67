#include "config/config.h"

#include "config/raw_keys.h"
#include "core/path.h"
#include "document.h"
#include "paths.h"
#include "schema.h"
#include "sections.h"
#include "trusted.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Absolute without touching the file: relative paths in it must hold after a chdir(2). */
static char *absolute(const char *path)
{
    if (*path == '/')
        return strdup(path);
    char directory[PATH_MAX];
    char *joined = NULL;
    if (getcwd(directory, sizeof(directory)) == NULL ||
        asprintf(&joined, "%s/%s", directory, path) < 0)
        return NULL;
    return joined;
}

static enum status read_config(const struct document *document, const struct raw_config *raw,
                               struct config **ret_config, struct error *err)
{
    CLEANUP(config_freep) struct config *config = calloc(1, sizeof(*config));
    if (config == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
    config->path = absolute(document->path);
    if (config->path == NULL)
        return FAIL_ERRNO(err, "%s: absolute path", document->path);
    if (settings_read(document, raw, config, err) != STATUS_OK)
        return error_status(err);
    if (tenants_read(document, raw, config, err) != STATUS_OK)
        return error_status(err);
    if (!document->options.without_tokens && tokens_read(config, err) != STATUS_OK)
        return error_status(err);
    *ret_config = STEAL(config);
    return STATUS_OK;
}

static enum status load_document(const struct document *document, struct config **ret_config,
                                 struct error *err)
{
    void *raw = NULL;
    if (schema_load(document, &raw_config_schema, &raw, err) != STATUS_OK)
        return error_status(err);
    enum status status = read_config(document, raw, ret_config, err);
    schema_free(&raw_config_schema, raw);
    return status;
}

/* The document goes with the configuration: it knows where the keys stand. */
static enum status load(const char *path, struct document_options options,
                        struct config **ret_config, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (trusted_open(AT_FDCWD, path, S_IFREG, path, &fd, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(document_freep) struct document *document = NULL;
    if (document_read(fd, path, &document, err) != STATUS_OK)
        return error_status(err);
    document->options = options;
    if (load_document(document, ret_config, err) != STATUS_OK)
        return error_status(err);
    document_forget_text(document);
    (*ret_config)->document = STEAL(document);
    return STATUS_OK;
}

/* What a retry does not mend is told by its code. */
static enum status load_coded(const char *path, struct document_options options,
                              struct config **ret_config, struct error *err)
{
    if (load(path, options, ret_config, err) == STATUS_OK)
        return STATUS_OK;
    return status_is_transient(err->status) ? err->status
                                            : FAIL_AS(err, REASON_CONFIGURATION_INVALID);
}

enum status config_load(const char *path, struct config **ret_config, struct error *err)
{
    return load_coded(path, (struct document_options){0}, ret_config, err);
}

enum status config_load_public(const char *path, struct config **ret_config, struct error *err)
{
    return load_coded(path, (struct document_options){.without_secrets = true}, ret_config, err);
}

enum status config_load_without_tokens(const char *path, struct config **ret_config,
                                       struct error *err)
{
    return load_coded(path, (struct document_options){.without_tokens = true}, ret_config, err);
}

enum status config_refuse(const struct document *document, struct error *err, const char *format,
                          ...)
{
    char key[DOCUMENT_KEY_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(key, sizeof(key), format, args);
    va_end(args);
    enum status status =
        document == NULL ? FAIL_IN(err, "%s", key) : document_refuse_in(document, key, err);
    return status_is_transient(status) ? status : FAIL_AS(err, REASON_CONFIGURATION_INVALID);
}

static void http_done(struct config_http *http)
{
    for (size_t i = 0; i < http->listener_count; i++) {
        free(http->listeners[i].address);
        free(http->listeners[i].certificate);
        free(http->listeners[i].key);
    }
    free(http->listeners);
}

static void redis_done(struct config_redis *redis)
{
    free(redis->address);
    free(redis->username);
    secret_free(redis->password);
}

bool config_allows_target(const struct config *config, const char *path)
{
    CLEANUP(free_any) char *clean = path_clean(path);
    if (clean == NULL || strcmp(clean, path) != 0)
        return false;
    for (char **allowed = config->worker.restore_directories; *allowed != NULL; allowed++)
        if (path_is_below(path, *allowed))
            return true;
    return false;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (char **path = config->worker.restore_directories; path != NULL && *path != NULL; path++)
        free(*path);
    free(config->worker.restore_directories);
    for (size_t i = 0; i < config->account_count; i++)
        account_done(&config->accounts[i]);
    for (size_t i = 0; i < config->bucket_count; i++)
        bucket_definition_done(&config->buckets[i]);
    http_done(&config->http);
    redis_done(&config->redis);
    free(config->accounts);
    free(config->buckets);
    document_free(config->document);
    free(config->master_key_file);
    free(config->tokens_directory);
    free(config->apps_directory);
    free(config->state_directory);
    free(config->node);
    free(config->path);
    free(config);
}

const struct account *config_find_account(const struct config *config, const char *id)
{
    for (size_t i = 0; i < config->account_count; i++)
        if (strcmp(config->accounts[i].id, id) == 0)
            return &config->accounts[i];
    return NULL;
}

const struct bucket_definition *config_find_bucket(const struct config *config, const char *id)
{
    for (size_t i = 0; i < config->bucket_count; i++)
        if (strcmp(config->buckets[i].bucket.id, id) == 0)
            return &config->buckets[i];
    return NULL;
}
