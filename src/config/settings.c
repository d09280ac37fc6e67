#include "settings.h"

#include "address.h"
#include "core/cleanup.h"
#include "paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): a member cannot be parenthesised */
#define NUMBER(section_, member_, value_, min_, max_)                                          \
    {                                                                                          \
        .key = #section_ "." #member_, .section = offsetof(struct raw_config, section_),       \
        .raw_offset = offsetof(struct raw_##section_, member_),                                \
        .offset = offsetof(struct config, section_.member_), .value = (value_), .min = (min_), \
        .max = (max_)                                                                          \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* clang-format off */
const struct number setting_numbers[SETTING_NUMBER_COUNT] = {
    NUMBER(redis,  database,               0,    0,     1023),
    NUMBER(redis,  timeout_ms,           800,   50,    10000), /* below 1 s: what a 503 may take */
    NUMBER(http,   body_bytes_max,   1 << 20, 1024, 16777216),
    NUMBER(http,   header_bytes_max,   32768, 1024,  1048576),
    NUMBER(http,   connections_max,     1024,    1,    65536),
    NUMBER(http,   idle_timeout_ms,    60000, 1000,  3600000),
    NUMBER(http,   request_timeout_ms, 30000, 1000,   600000),
    NUMBER(worker, slots,                  2,    1,       64),
    NUMBER(worker, lease_ms,           15000, 3000,   600000),
    NUMBER(worker, kills_max,              3,    1,      100),
    NUMBER(worker, retries_max,            5,    0,     1000),
    NUMBER(worker, job_timeout_s,      86400,    0, 31536000),
    NUMBER(worker, job_grace_s,         3600,    1,    86400),
    NUMBER(worker, drain_timeout_s,       60,    1,    86400),
    NUMBER(worker, prune_after_deletes,   20,    0,  1000000),
    NUMBER(worker, prune_interval_s,   86400,    0, 31536000),
    NUMBER(worker, prune_timeout_s,    21600,    1,   604800),
    NUMBER(worker, verify_interval_s,  86400,    0, 31536000),
    NUMBER(worker, verify_sample,          5,    1,      100),
    NUMBER(worker, job_cpu_weight,       100,    1,    10000),
    NUMBER(worker, job_io_weight,        100,    1,    10000),
    NUMBER(worker, job_memory_high_bytes,  0,    0, INT64_C(1000000000000)),
};
/* clang-format on */

const struct number setting_hook_timeout_s = {
    .value = HOOK_TIMEOUT_MS / 1000,
    .min = 1,
    .max = 86400,
};

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
        return err->status;
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
    if (read_path(document, config, state == NULL ? DEFAULT_STATE_DIRECTORY : state,
                  &config->state_directory, err) != STATUS_OK)
        return err->status;
    if (read_path(document, config, apps == NULL ? DEFAULT_APPS_DIRECTORY : apps,
                  &config->apps_directory, err) != STATUS_OK)
        return err->status;
    if (read_path(document, config, tokens == NULL ? DEFAULT_TOKENS_DIRECTORY : tokens,
                  &config->tokens_directory, err) != STATUS_OK)
        return err->status;
    return read_path(document, config, key == NULL ? DEFAULT_MASTER_KEY_FILE : key,
                     &config->master_key_file, err);
}

static enum status read_password(const struct document *document, const char *file,
                                 struct config *config, struct error *err)
{
    if (file == NULL || document->options.without_secrets)
        return STATUS_OK;
    CLEANUP(freep) char *path = NULL;
    if (read_path(document, config, file, &path, err) != STATUS_OK)
        return err->status;
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
        return err->status;
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
    if (read_text(document, raw->address, DEFAULT_REDIS, &redis->address, err) != STATUS_OK)
        return err->status;
    if (!address_is_unix(redis->address) && !address_is_host(redis->address))
        return document_refuse(document, "redis.address", err,
                               "'unix:/path' or 'host:port' is expected, not '%s'", redis->address);
    if (read_username(document, raw->username, config, err) != STATUS_OK)
        return err->status;
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
        return err->status;
    if (read_path(document, config, raw->certificate, &listener->certificate, err) != STATUS_OK)
        return err->status;
    if (read_path(document, config, raw->key, &listener->key, err) != STATUS_OK)
        return err->status;
    if (check_listener(document, index, listener, err) != STATUS_OK)
        return err->status;
    return check_listener_is_new(document, &config->http, index, err);
}

static enum status read_listeners(const struct document *document, const struct raw_http *raw,
                                  struct config *config, struct error *err)
{
    static char address[] = DEFAULT_LISTENER;
    const struct raw_listener otherwise = {.address = address};
    bool is_given = raw != NULL && raw->listeners != NULL;
    const struct raw_listener *listeners = is_given ? raw->listeners : &otherwise;
    size_t count = is_given ? raw->listener_count : 1;

    config->http.listeners = calloc(count, sizeof(config->http.listeners[0]));
    if (config->http.listeners == NULL)
        return no_memory(document, err);
    for (size_t i = 0; i < count; i++)
        if (read_listener(document, &listeners[i], config, err) != STATUS_OK)
            return err->status;
    return STATUS_OK;
}

static enum status read_retry_delays(const struct document *document, const struct raw_worker *raw,
                                     struct config_worker *worker, struct error *err)
{
    static const int64_t defaults_s[] = {5, 30, 120};
    static const struct number delay = {.min = 0, .max = 86400};
    size_t count = raw == NULL ? 0 : raw->retry_delays_s.count;
    worker->retry_delay_count = sizeof(defaults_s) / sizeof(defaults_s[0]);
    memcpy(worker->retry_delays_s, defaults_s, sizeof(defaults_s));
    if (count == 0)
        return STATUS_OK;
    worker->retry_delay_count = count; /* the schema has a maximum */
    for (size_t i = 0; i < count; i++) {
        if (number_read(document, KEY("worker.retry_delays_s[%zu]", i),
                        raw->retry_delays_s.items[i], &delay, &worker->retry_delays_s[i],
                        err) != STATUS_OK)
            return err->status;
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
        return err->status;
    if (read_directories(document, raw, config, err) != STATUS_OK)
        return err->status;
    if (numbers_read(document, setting_numbers, SETTING_NUMBER_COUNT, raw, config, err) !=
        STATUS_OK)
        return err->status;
    if (read_retry_delays(document, raw->worker, &config->worker, err) != STATUS_OK ||
        read_restore_directories(document, raw->worker, config, err) != STATUS_OK)
        return err->status;
    if (read_redis(document, raw->redis, config, err) != STATUS_OK)
        return err->status;
    return read_listeners(document, raw->http, config, err);
}
