/* Tokens that stand in files of their own, tokens.d/<account>.<name>.yaml: one that is made or
 * revoked is one file that appears or goes, and no other text is touched. */
#ifndef CONFIG_TOKENS_H
#define CONFIG_TOKENS_H

#include "config/types.h"
#include "core/error.h"
#include "document.h"

/* Adds the tokens of config->tokens_directory to the accounts, which are read already. It is no
 * failure that the directory does not exist. */
enum status tokens_read(struct config *config, struct error *err) MUST_CHECK;

/* The SHA-256 of a token from its 64 digits. key: where they stand, for the error. */
enum status token_read_hash(const struct document *document, const char *key, const char *text,
                            struct token *token, struct error *err) MUST_CHECK;

#endif
