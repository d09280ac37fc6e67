/* Settings: everything in appbackup.yaml but accounts and buckets. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "config/raw_keys.h"
#include "config/types.h"
#include "core/error.h"
#include "document.h"

enum status settings_read(const struct document *document, const struct raw_config *raw,
                          struct config *config, struct error *err) MUST_CHECK;

#endif
