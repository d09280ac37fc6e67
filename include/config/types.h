/*
 * Types of the configuration: what config/config.h fills in from appbackup.yaml and apps.d.
 *
 * Keys      each member has the name of its key, which src/config/keys.yaml declares; the numbers
 *           of a section are made from there (config/keys.h)
 * Units     as the name of the key ends: *_ms, *_s, *_bytes
 * Ownership everything belongs to its struct config or struct config_apps
 */
#ifndef CONFIG_TYPES_H
#define CONFIG_TYPES_H

#include "config/keys.h"
#include "core/secret.h"
#include "model/account.h"
#include "model/app.h"
#include "model/bucket.h"

#include <stddef.h>
#include <stdint.h>

struct config_listener {
    char *address;     /* "127.0.0.1:8080", "[::1]:8080" or "unix:/path" */
    char *certificate; /* NULL: plain HTTP; only loopback and unix sockets may be plain */
    char *key;
};

struct config_http {
    struct config_listener *listeners;
    size_t listener_count;
    CONFIG_HTTP_NUMBERS
};

struct config_redis {
    char *address;           /* "unix:/path" or "host:port" */
    char *username;          /* NULL: default user */
    struct secret *password; /* NULL: none */
    CONFIG_REDIS_NUMBERS
};

struct config_worker {
    int64_t retry_delays_s[WORKER_RETRY_DELAYS_S_MAX]; /* after the first failure, the second ... */
    size_t retry_delay_count;   /* > 0; the last holds for all further ones */
    char **restore_directories; /* NULL-terminated; clean; NULL: restores only in place */
    CONFIG_WORKER_NUMBERS
};

struct document;

struct config {
    char *path;
    char *node; /* default: the host name */
    char *state_directory;
    char *apps_directory;
    char *tokens_directory;
    char *master_key_file;
    struct config_redis redis;
    struct config_http http;
    struct config_worker worker;
    struct account *accounts;
    size_t account_count;
    struct bucket_definition *buckets; /* at most one default per account */
    size_t bucket_count;
    struct document *document; /* where each key stands, for config_refuse() */
};

struct config_apps {
    struct app_definition **items;
    struct document **documents; /* of each item: where its keys stand, for config_refuse() */
    size_t count;
};

#endif
