/* Tokens that stand in files of their own, tokens.d/<account>.<name>.yaml: one that is made or
 * revoked is one file that appears or goes, and no other text is touched. */
#ifndef CONFIG_TOKENS_H
#define CONFIG_TOKENS_H

#include "config/types.h"
#include "core/error.h"
#include "document.h"

/* Adds them to the accounts, which are there. That the directory does not exist is success. */
enum status tokens_read(struct config *config, struct error *err) MUST_CHECK;

enum status token_read_hash(const struct document *document, const char *key, const char *text,
                            struct token *token, struct error *err) MUST_CHECK;

#endif
