/* Tenants: accounts with their tokens, and the buckets that they may use. */
#ifndef CONFIG_TENANTS_H
#define CONFIG_TENANTS_H

#include "config/raw_keys.h"
#include "config/types.h"
#include "core/error.h"
#include "document.h"

enum status tenants_read(const struct document *document, const struct raw_config *raw,
                         struct config *config, struct error *err) MUST_CHECK;

/* The account with this name or id. NULL: there is none. */
const struct account *tenants_find_account(const struct config *config, const char *name_or_id);

#endif
