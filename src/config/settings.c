#include "config/address.h"
#include "core/cleanup.h"
#include "paths.h"
#include "sections.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status no_memory(const struct document *document, struct error *err)
{
    return FAIL(err, STATUS_NO_MEMORY, "%s", document->path);
}

static enum status read_text(const struct document *document, const char *text,
                             const char *otherwise, char **ret_text, struct error *err)
{
    const char *chosen = text == NULL ? otherwise : text;
    char *copy = chosen == NULL ? NULL : strdup(chosen);
    if (copy == NULL && chosen != NULL)
        return no_memory(document, err);
    *ret_text = copy;
    return STATUS_OK;
}

static enum status read_path(const struct document *document, const struct config *config,
                             const char *path, char **ret_path, struct error *err)
{
    char *absolute = path == NULL ? NULL : path_from(config->path, path);
    if (absolute == NULL && path != NULL)
        return no_memory(document, err);
    *ret_path = absolute;
    return STATUS_OK;
}

static enum status read_host_name(char host[HOST_NAME_MAX + 1], struct error *err)
{
    if (gethostname(host, HOST_NAME_MAX + 1) != 0)
        return FAIL_ERRNO(err, "host name");
    host[HOST_NAME_MAX] = '\0';
    for (char *c = host; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return STATUS_OK;
}

static enum status read_node(const struct document *document, const struct raw_config *raw,
                             struct config *config, struct error *err)
{
    char host[HOST_NAME_MAX + 1] = "";
    if (raw->node == NULL && read_host_name(host, err) != STATUS_OK)
        return FAIL_IN(err, "%s", document->path);
    if (read_text(document, raw->node, host, &config->node, err) != STATUS_OK)
        return error_status(err);
    if (!name_is_host(config->node)) {
        return document_refuse(document, "node", err,
                               "a host name of a-z, 0-9, '-' and '.' is expected, not '%s'",
                               config->node);
    }
    return STATUS_OK;
}

static enum status read_directories(const struct document *document, const struct raw_config *raw,
                                    struct config *config, struct error *err)
{
    const char *state = raw->state_directory;
    const char *apps = raw->apps_directory;
    const char *tokens = raw->tokens_directory;
    const char *key = raw->master_key_file;
    if (read_path(document, config, state == NULL ? DEFAULT_CONFIG_STATE_DIRECTORY : state,
                  &config->state_directory, err) != STATUS_OK)
        return error_status(err);
    if (read_path(document, config, apps == NULL ? DEFAULT_CONFIG_APPS_DIRECTORY : apps,
                  &config->apps_directory, err) != STATUS_OK)
        return error_status(err);
    if (read_path(document, config, tokens == NULL ? DEFAULT_CONFIG_TOKENS_DIRECTORY : tokens,
                  &config->tokens_directory, err) != STATUS_OK)
        return error_status(err);
    return read_path(document, config, key == NULL ? DEFAULT_CONFIG_MASTER_KEY_FILE : key,
                     &config->master_key_file, err);
}

static enum status read_password(const struct document *document, const char *file,
                                 struct config *config, struct error *err)
{
    if (file == NULL || document->options.without_secrets)
        return STATUS_OK;
    CLEANUP(freep) char *path = NULL;
    if (read_path(document, config, file, &path, err) != STATUS_OK)
        return error_status(err);
    if (secret_read(path, &config->redis.password, err) != STATUS_OK)
        return document_refuse_in(document, "redis.password_file", err);
    return STATUS_OK;
}

/* A name that is not the same for all programs of a host is a credential, beside the password. */
static enum status read_username(const struct document *document, const char *name,
                                 struct config *config, struct error *err)
{
    if (name == NULL || !path_is_credential(name))
        return read_text(document, name, NULL, &config->redis.username, err);
    if (document->options.without_secrets)
        return STATUS_OK;
    CLEANUP(freep) char *path = NULL;
    CLEANUP(secret_freep) struct secret *text = NULL;
    if (read_path(document, config, name, &path, err) != STATUS_OK)
        return error_status(err);
    if (secret_read(path, &text, err) != STATUS_OK)
        return document_refuse_in(document, "redis.username", err);
    return read_text(document, secret_text(text), NULL, &config->redis.username, err);
}

static enum status read_redis(const struct document *document, const struct raw_redis *raw,
                              struct config *config, struct error *err)
{
    static const struct raw_redis none = {0};
    struct config_redis *redis = &config->redis;
    if (raw == NULL)
        raw = &none;
    if (read_text(document, raw->address, DEFAULT_REDIS_ADDRESS, &redis->address, err) != STATUS_OK)
        return error_status(err);
    if (!address_is_unix(redis->address) && !address_is_host(redis->address))
        return document_refuse(document, "redis.address", err,
                               "'unix:/path' or 'host:port' is expected, not '%s'", redis->address);
    if (read_username(document, raw->username, config, err) != STATUS_OK)
        return error_status(err);
    if (raw->username != NULL && raw->password_file == NULL)
        return document_refuse(document, "redis.password_file", err,
                               "required with redis.username, but missing");
    return read_password(document, raw->password_file, config, err);
}

static enum status check_listener(const struct document *document, size_t index,
                                  const struct config_listener *listener, struct error *err)
{
    const char *address = listener->address;
    bool is_unix = address_is_unix(address);
    if (!is_unix && !address_is_numeric(address)) {
        return document_refuse(document, KEY("http.listeners[%zu].address", index), err,
                               "'IP:port', '[IPv6]:port' or 'unix:/path' is expected, not '%s'",
                               address);
    }
    if (listener->certificate == NULL && listener->key != NULL)
        return document_refuse(document, KEY("http.listeners[%zu].certificate", index), err,
                               "required with key, but missing");
    if (listener->certificate != NULL && listener->key == NULL)
        return document_refuse(document, KEY("http.listeners[%zu].key", index), err,
                               "required with certificate, but missing");
    if (listener->certificate == NULL && !is_unix && !address_is_loopback(address)) {
        return document_refuse(document, KEY("http.listeners[%zu].certificate", index), err,
                               "required for '%s': without it, only 127.0.0.0/8, [::1] and unix "
                               "sockets may listen, since tokens would go in clear",
                               address);
    }
    return STATUS_OK;
}

static enum status check_listener_is_new(const struct document *document,
                                         const struct config_http *http, size_t index,
                                         struct error *err)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(http->listeners[i].address, http->listeners[index].address) == 0) {
            return document_refuse(document, KEY("http.listeners[%zu].address", index), err,
                                   "'%s' is that of http.listeners[%zu] already",
                                   http->listeners[i].address, i);
        }
    }
    return STATUS_OK;
}

static enum status read_listener(const struct document *document, const struct raw_listener *raw,
                                 struct config *config, struct error *err)
{
    size_t index = config->http.listener_count++;
    struct config_listener *listener = &config->http.listeners[index];
    if (read_text(document, raw->address, NULL, &listener->address, err) != STATUS_OK)
        return error_status(err);
    if (read_path(document, config, raw->certificate, &listener->certificate, err) != STATUS_OK)
        return error_status(err);
    if (read_path(document, config, raw->key, &listener->key, err) != STATUS_OK)
        return error_status(err);
    if (check_listener(document, index, listener, err) != STATUS_OK)
        return error_status(err);
    return check_listener_is_new(document, &config->http, index, err);
}

static enum status read_listeners(const struct document *document, const struct raw_http *raw,
                                  struct config *config, struct error *err)
{
    static char address[] = DEFAULT_HTTP_LISTENERS;
    const struct raw_listener otherwise = {.address = address};
    bool is_given = raw != NULL && raw->listeners.items != NULL;
    const struct raw_listener *listeners = is_given ? raw->listeners.items : &otherwise;
    size_t count = is_given ? raw->listeners.count : 1;

    config->http.listeners = calloc(count, sizeof(config->http.listeners[0]));
    if (config->http.listeners == NULL)
        return no_memory(document, err);
    for (size_t i = 0; i < count; i++)
        if (read_listener(document, &listeners[i], config, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

static enum status read_retry_delays(const struct document *document, const struct raw_worker *raw,
                                     struct config_worker *worker, struct error *err)
{
    static const int64_t defaults_s[] = DEFAULT_WORKER_RETRY_DELAYS_S;
    size_t count = raw == NULL ? 0 : raw->retry_delays_s.count;
    worker->retry_delay_count = sizeof(defaults_s) / sizeof(defaults_s[0]);
    memcpy(worker->retry_delays_s, defaults_s, sizeof(defaults_s));
    if (count == 0)
        return STATUS_OK;
    worker->retry_delay_count = count; /* the schema has a maximum */
    for (size_t i = 0; i < count; i++) {
        if (number_read(document, KEY("worker.retry_delays_s[%zu]", i),
                        raw->retry_delays_s.items[i], &number_worker_retry_delays_s,
                        &worker->retry_delays_s[i], err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status read_restore_directories(const struct document *document,
                                            const struct raw_worker *raw, struct config *config,
                                            struct error *err)
{
    size_t count = raw == NULL ? 0 : raw->restore_directories.count;
    char **paths = calloc(count + 1, sizeof(*paths));
    if (paths == NULL)
        return no_memory(document, err);
    config->worker.restore_directories = paths;
    for (size_t i = 0; i < count; i++) {
        paths[i] = path_clean(raw->restore_directories.items[i]);
        if (paths[i] == NULL && errno == ENOMEM)
            return no_memory(document, err);
        if (paths[i] == NULL) {
            return document_refuse(document, KEY("worker.restore_directories[%zu]", i), err,
                                   "an absolute path without '..' is expected, not '%s'",
                                   raw->restore_directories.items[i]);
        }
    }
    return STATUS_OK;
}

enum status settings_read(const struct document *document, const struct raw_config *raw,
                          struct config *config, struct error *err)
{
    if (read_node(document, raw, config, err) != STATUS_OK)
        return error_status(err);
    if (read_directories(document, raw, config, err) != STATUS_OK)
        return error_status(err);
    if (numbers_read(document, config_numbers, CONFIG_NUMBER_COUNT, raw, config, err) != STATUS_OK)
        return error_status(err);
    if (read_retry_delays(document, raw->worker, &config->worker, err) != STATUS_OK ||
        read_restore_directories(document, raw->worker, config, err) != STATUS_OK)
        return error_status(err);
    if (read_redis(document, raw->redis, config, err) != STATUS_OK)
        return error_status(err);
    return read_listeners(document, raw->http, config, err);
}
