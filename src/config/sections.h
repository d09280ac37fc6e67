/*
 * Sections: what the configuration is made of, each part read by a file of its own.
 *
 *   settings.c  everything in appbackup.yaml but accounts and buckets
 *   tenants.c   accounts with their tokens, and the buckets that they may use
 *   buckets.c   the keys of a bucket that depend on its provider, which say where it is
 *   tokens.c    tokens that stand in files of their own, tokens.d/<account>.<name>.yaml: one that is
 *               made or revoked is one file that appears or goes, and no other text is touched
 *   app.c       the definition of an app, from its file in apps.d
 */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include "config/raw_keys.h"
#include "config/types.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "document.h"

#include <stddef.h>

enum status settings_read(const struct document *document, const struct raw_config *raw,
                          struct config *config, struct error *err) MUST_CHECK;

enum status tenants_read(const struct document *document, const struct raw_config *raw,
                         struct config *config, struct error *err) MUST_CHECK;

/* The account with this name or id. NULL: there is none. */
const struct account *tenants_find_account(const struct config *config, const char *name_or_id);

/* Fills in what the provider needs. The definition's provider and name are set already. */
enum status bucket_place_read(const struct document *document, size_t index,
                              const struct raw_bucket *raw, const struct config *config,
                              struct bucket_definition *definition, struct error *err) MUST_CHECK;

/* Adds the tokens of config->tokens_directory to the accounts, which are read already. It is no
 * failure that the directory does not exist. */
enum status tokens_read(struct config *config, struct error *err) MUST_CHECK;

/* The SHA-256 of a token from its 64 digits. key: where they stand, for the error. */
enum status token_read_hash(const struct document *document, const char *key, const char *text,
                            struct token *token, struct error *err) MUST_CHECK;

DEFINE_CLEANUP(struct app_definition *, app_definition_free)

/* default_name: the name of the file without its ending. Caller owns *ret_app. */
enum status app_read(const struct document *document, const struct raw_app *raw,
                     const char *default_name, const struct config *config,
                     struct app_definition **ret_app, struct error *err) MUST_CHECK;

#endif
