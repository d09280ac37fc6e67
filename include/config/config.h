/*
 * Configuration: appbackup.yaml and apps.d/<app>.yaml, read with libcyaml into these structs. Every
 * key is documented in config/appbackup.yaml.
 *
 * Errors    INVALID, NOT_FOUND, FORBIDDEN: "<file>:<line>: <key>: what was expected"; what concerns
 *           a file as a whole has no line: "<file>: open: No such file or directory".
 * Ownership everything belongs to the struct config.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "core/attributes.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/secret.h"
#include "model/account.h"
#include "model/app.h"
#include "model/bucket.h"

#include <stdbool.h>
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

/* Relative paths in the file are taken from the file's directory; all paths in the struct are
 * absolute. The file must be owned by root or by us and not be writable by others, since it says
 * where the hooks are. Reads password files, not the apps, and not the master key. Caller owns
 * *ret_config. */
enum status config_load(const char *path, struct config **ret_config, struct error *err) MUST_CHECK;
/* The same, but no secret is read: redis.password is NULL. For what must go on without them. */
enum status config_load_public(const char *path, struct config **ret_config, struct error *err)
    MUST_CHECK;
/* The same as config_load(), but the tokens of tokens.d are not read: for whoever mends them. */
enum status config_load_without_tokens(const char *path, struct config **ret_config,
                                       struct error *err) MUST_CHECK;
/* False for what systemd starts beside the main process of a unit (ExecReload=, ExecStopPost=): it
 * is told of credentials, but up to version 252 not given any. */
bool config_may_read_secrets(void);
/* May this program be expected to read the file? Not one of systemd's credentials that is not there
 * for it: "$CREDENTIALS_DIRECTORY/..." or what "credential:NAME" has become. */
bool config_may_read(const char *path);
/* A failure to use what a key of the file names, e.g. "buckets[%zu].ca_file", gets "<file>:<line>:
 * <key>: " in front of it, and "configuration_invalid" unless it may pass; its status stays. */
enum status config_refuse(const struct config *config, struct error *err, const char *format, ...)
    PRINTF_LIKE(3, 4) MUST_CHECK;
void config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/* May files be restored to this path? It is clean, and one of worker.restore_directories or below.
 */
bool config_allows_target(const struct config *config, const char *path);

/* Tokens that stand in files of their own, which the front end reads when it is told to reload. */
enum { CONFIG_TOKEN_SIZE = 65 };

/* Makes a token and its file, durably; only its SHA-256 is kept. The file, and its directory if it
 * is made, may be read by the front end's group where root makes it and there is a user of that
 * name, by nobody else. Errors: INVALID for the name; CONFLICT where the account has a token of it,
 * or as many as it may have. */
enum status config_token_create(const struct config *config, const struct account *account,
                                const char *name, enum role role, char ret_token[CONFIG_TOKEN_SIZE],
                                struct error *err) MUST_CHECK;
/* Looks at the token's own file only: a configuration without tokens will do. Errors: NOT_FOUND;
 * CONFLICT for one that stands in the configuration file itself. */
enum status config_token_revoke(const struct config *config, const struct account *account,
                                const char *name, struct error *err) MUST_CHECK;

/* NULL: no such account. */
const struct account *config_find_account(const struct config *config, const char *id);
const struct bucket_definition *config_find_bucket(const struct config *config, const char *id);

struct config_apps {
    struct app_definition **items;
    struct document *documents; /* where each key of an item stands, for config_apps_refuse() */
    size_t count;
};

/* All *.yaml of config->apps_directory, by name; they and the directory must be owned by root or by
 * us and not be writable by others, since a hook in it runs with our rights. The name is the file's
 * unless it says otherwise. Caller owns *ret_apps. */
enum status config_load_apps(const struct config *config, struct config_apps **ret_apps,
                             struct error *err) MUST_CHECK;
/* Is each volume apart from the state directory and from the directories of all buckets? One that
 * holds them, or lies in them, would be backed up into itself, and a restore in place would take
 * all backups away. Symbolic links are resolved, so that it holds for as long as they stay. */
enum status config_check_volumes(const struct config *config, const struct config_apps *apps,
                                 struct error *err) MUST_CHECK;
/* config_refuse() for the file of the app with this index. */
enum status config_apps_refuse(const struct config_apps *apps, size_t index, struct error *err,
                               const char *format, ...) PRINTF_LIKE(4, 5) MUST_CHECK;
void config_apps_free(struct config_apps *apps);
DEFINE_CLEANUP(struct config_apps *, config_apps_free)

/* NULL: no such app. */
const struct app_definition *config_apps_find(const struct config_apps *apps, const char *id);

/* The passphrase of an app's repository: HKDF-SHA256 (RFC 5869) of the master key, no salt, info
 * "appbackup repository <app id>", 32 bytes in lower-case hex. The key file holds at least 32 bytes
 * as 64 hex digits; an error has the place of master_key_file in front. Caller owns
 * *ret_passphrase. */
enum status config_repository_passphrase(const struct config *config, const char *app_id,
                                         struct secret **ret_passphrase, struct error *err)
    MUST_CHECK;

#endif
