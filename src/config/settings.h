/* The scalar settings with their defaults and ranges, as config/appbackup.yaml documents them. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/types.h"
#include "core/error.h"
#include "number.h"
#include "raw.h"

#define DEFAULT_STATE_DIRECTORY  "/var/lib/appbackup"
#define DEFAULT_APPS_DIRECTORY   "apps.d"
#define DEFAULT_TOKENS_DIRECTORY "tokens.d"
#define DEFAULT_MASTER_KEY_FILE  "master.key"
#define DEFAULT_LISTENER         "127.0.0.1:8080"
#define DEFAULT_REDIS            "127.0.0.1:6379"

enum { SETTING_NUMBER_COUNT = 22 };

extern const struct number setting_numbers[SETTING_NUMBER_COUNT];
extern const struct number setting_hook_timeout_s;

/* Everything but accounts and buckets. */
enum status settings_read(const struct document *document, const struct raw_config *raw,
                          struct config *config, struct error *err) MUST_CHECK;

#endif
