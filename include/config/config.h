/*
 * Configuration: appbackup.yaml and apps.d/<app>.yaml, read with libcyaml into the structs of
 * config/types.h. config/appbackup.yaml explains every key.
 *
 * Errors    INVALID, NOT_FOUND, FORBIDDEN: "<file>:<line>: <key>: what was expected"; what concerns
 *           a file as a whole has no line: "<file>: open: No such file or directory". Their reason
 *           is "configuration_invalid" unless the failure may pass.
 * Ownership everything belongs to the struct config or the struct config_apps
 * Safety    the files and the directories that list them must belong to root or to us, and not be
 *           writable by others, since hooks in them run with our rights
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/types.h"
#include "core/attributes.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/secret.h"
#include "model/account.h"

#include <stdbool.h>
#include <stddef.h>

/* Relative paths in the file are taken from the file's directory; all paths in the struct are
 * absolute. Reads the files of passwords and of tokens, but neither the apps nor the master key.
 * Caller owns *ret_config. */
enum status config_load(const char *path, struct config **ret_config, struct error *err) MUST_CHECK;
/* config_load() without secrets: redis.password is NULL. It is for what must go on without them. */
enum status config_load_public(const char *path, struct config **ret_config, struct error *err)
    MUST_CHECK;
/* config_load() without the tokens of tokens.d: it is for whoever mends them. */
enum status config_load_without_tokens(const char *path, struct config **ret_config,
                                       struct error *err) MUST_CHECK;
void config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free)

/* A failure to use what a key of a file names, e.g. "buckets[%zu].ca_file", gets "<file>:<line>:
 * <key>: " in front of it, and the reason "configuration_invalid" unless it may pass; its status
 * stays. document: that of a struct config, or of one app; NULL gives the key alone. */
enum status config_refuse(const struct document *document, struct error *err, const char *format,
                          ...) PRINTF_LIKE(3, 4) MUST_CHECK;

/* May files be restored to this path? It is clean, and one of worker.restore_directories or below.
 */
bool config_allows_target(const struct config *config, const char *path);

/* NULL: no such account. */
const struct account *config_find_account(const struct config *config, const char *id);
/* NULL: no such bucket. */
const struct bucket_definition *config_find_bucket(const struct config *config, const char *id);

enum { CONFIG_TOKEN_SIZE = 65 };

/* Makes a token and its own file in tokens.d, durably; only its SHA-256 is kept. The front end
 * takes it when it is told to reload. The file, and its directory if that is made, may be read by
 * the front end's group where root makes it and there is a user of that name, and by nobody else.
 * Errors: INVALID for the name; CONFLICT where the account has a token of this name, or as many
 * tokens as it may have. */
enum status config_token_create(const struct config *config, const struct account *account,
                                const char *name, enum role role, char ret_token[CONFIG_TOKEN_SIZE],
                                struct error *err) MUST_CHECK;
/* Looks at the token's own file only: a configuration without tokens will do. Errors: NOT_FOUND;
 * CONFLICT for one that stands in the configuration file itself. */
enum status config_token_revoke(const struct config *config, const struct account *account,
                                const char *name, struct error *err) MUST_CHECK;

/* All *.yaml of config->apps_directory, by name. The name of an app is its file's unless the file
 * says otherwise. Caller owns *ret_apps. */
enum status config_load_apps(const struct config *config, struct config_apps **ret_apps,
                             struct error *err) MUST_CHECK;
/* Is each volume apart from the state directory and from the directories of all buckets? One that
 * holds them, or lies in them, would be backed up into itself, and a restore in place would take
 * all backups away. Symbolic links are resolved, so that it holds for as long as they stay. */
enum status config_check_volumes(const struct config *config, const struct config_apps *apps,
                                 struct error *err) MUST_CHECK;
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
