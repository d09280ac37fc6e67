/*
 * Types of the configuration: what config/config.h fills in from appbackup.yaml and apps.d.
 *
 * Keys      each member has the name of its key in config/appbackup.yaml, which explains it
 * Units     *_ms, *_s, *_bytes; a limit of 0 is none where the key may be 0
 * Ownership everything belongs to its struct config or struct config_apps
 */
#ifndef CONFIG_TYPES_H
#define CONFIG_TYPES_H

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
    size_t body_bytes_max;
    size_t header_bytes_max;
    size_t connections_max;
    int64_t idle_timeout_ms;
    int64_t request_timeout_ms;
};

struct config_redis {
    char *address;           /* "unix:/path" or "host:port" */
    char *username;          /* NULL: default user */
    struct secret *password; /* NULL: none */
    int64_t database;
    int64_t timeout_ms;
};

enum { RETRY_DELAYS_MAX = 16 };

struct config_worker {
    int64_t slots;    /* jobs at the same time */
    int64_t lease_ms; /* how long a claim lives without renewal */
    int64_t kills_max;
    int64_t retries_max;
    int64_t retry_delays_s[RETRY_DELAYS_MAX]; /* after the first failure, the second ... */
    size_t retry_delay_count;                 /* > 0; the last holds for all further ones */
    int64_t job_timeout_s;                    /* of a job over all its attempts; 0: none */
    int64_t job_grace_s;                      /* to unwind one that is late */
    int64_t drain_timeout_s;     /* to hand back their claims, from SIGTERM to SIGKILL */
    char **restore_directories;  /* NULL-terminated; clean; NULL: restores only in place */
    int64_t prune_after_deletes; /* 0: only when asked for */
    int64_t prune_interval_s;    /* at most once in this time by itself */
    int64_t prune_timeout_s;
    int64_t verify_interval_s; /* 0: only when asked for */
    int64_t verify_sample;     /* percent of the packs */
    int64_t job_cpu_weight;    /* of each job's cgroup, where there is one */
    int64_t job_io_weight;
    int64_t job_memory_high_bytes; /* 0: none */
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
