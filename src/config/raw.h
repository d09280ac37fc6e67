/* The files as libcyaml reads them: text, before any meaning. Absent is NULL or 0, and so is what
 * has its key but nothing behind it, where that can only mean "none": sections and lists. */
#ifndef CONFIG_RAW_H
#define CONFIG_RAW_H

#include <cyaml/cyaml.h>

#include <stdint.h>

/* 0 is absent in all of these. */
enum raw_boolean { RAW_FALSE = 1, RAW_TRUE };

enum raw_concurrent { RAW_QUEUE = 1, RAW_REFUSE };

enum raw_on_failure { RAW_CONTINUE = 1, RAW_ABORT };

struct raw_texts {
    char **items;
    uint32_t count;
};

struct raw_listener {
    char *address;
    char *certificate;
    char *key;
};

struct raw_http {
    struct raw_listener *listeners;
    uint32_t listener_count;
    char *body_bytes_max;
    char *header_bytes_max;
    char *connections_max;
    char *idle_timeout_ms;
    char *request_timeout_ms;
};

struct raw_redis {
    char *address;
    char *username;
    char *password_file;
    char *database;
    char *timeout_ms;
};

struct raw_worker {
    char *slots;
    char *lease_ms;
    char *kills_max;
    char *retries_max;
    struct raw_texts retry_delays_s;
    char *job_timeout_s;
    char *job_grace_s;
    char *drain_timeout_s;
    struct raw_texts restore_directories;
    char *prune_after_deletes;
    char *prune_interval_s;
    char *prune_timeout_s;
    char *verify_interval_s;
    char *verify_sample;
    char *job_cpu_weight;
    char *job_io_weight;
    char *job_memory_high_bytes;
};

struct raw_token {
    char *name;
    char *sha256;
    int role; /* enum role */
};

struct raw_account {
    char *id;
    char *name;
    struct raw_token *tokens;
    uint32_t token_count;
};

struct raw_bucket {
    char *name;
    char *account;
    int provider; /* enum bucket_provider */
    char *path;
    char *server_url;
    char *bucket_name;
    char *prefix;
    char *region;
    int path_style; /* enum raw_boolean */
    char *ca_file;
    char *credentials_file;
    char *upload_limit;
    char *download_limit;
    char *jobs_max;
    int compression;  /* enum bucket_compression */
    int extra_verify; /* enum bucket_extra_verify */
    int is_default;   /* enum raw_boolean */
};

struct raw_config {
    char *node;
    char *state_directory;
    char *apps_directory;
    char *tokens_directory;
    char *master_key_file;
    struct raw_redis *redis;
    struct raw_http *http;
    struct raw_worker *worker;
    struct raw_account *accounts;
    uint32_t account_count;
    struct raw_bucket *buckets;
    uint32_t bucket_count;
};

struct raw_hook {
    char *name;
    struct raw_texts command;
    char *user;
    char *timeout_s;
    int on_failure; /* enum raw_on_failure */
};

struct raw_hooks {
    struct raw_hook *items;
    uint32_t count;
};

/* In the order of enum hook_stage. */
struct raw_stages {
    struct raw_hooks pre_backup;
    struct raw_hooks pre_snapshot;
    struct raw_hooks post_snapshot;
    struct raw_hooks post_backup;
    struct raw_hooks pre_restore;
    struct raw_hooks post_restore;
};

struct raw_app {
    char *name;
    char *account;
    struct raw_texts volumes;
    struct raw_texts excludes;
    int exclude_caches;     /* enum raw_boolean */
    int snapshot;           /* 1 + enum app_snapshot_driver */
    int concurrent_backups; /* enum raw_concurrent */
    struct raw_stages *hooks;
};

enum { TEXT_BYTES_MAX = 4095, NUMBER_DIGITS_MAX = 19, ACCOUNTS_MAX = 1024, TOKENS_MAX = 1024 };

enum {
    RESTORE_DIRECTORIES_MAX = 64,
    BUCKETS_MAX = 256,
    LISTENERS_MAX = 16,
    VOLUMES_MAX = 256,
    HOOKS_MAX = 64
};

/* The last two as in stage/exclude.h. */
enum { ARGUMENTS_MAX = 256, EXCLUDES_MAX = 1024, EXCLUDE_BYTES_MAX = 1024 };

extern const cyaml_schema_value_t raw_config_schema;     /* of a struct raw_config * */
extern const cyaml_schema_value_t raw_app_schema;        /* of a struct raw_app * */
extern const cyaml_schema_value_t raw_token_file_schema; /* of a struct raw_token *, no name */

#endif
