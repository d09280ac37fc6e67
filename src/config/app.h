/* App: reads the definition of an app from its file in apps.d. */
#ifndef CONFIG_APP_H
#define CONFIG_APP_H

#include "config/raw_keys.h"
#include "config/types.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "document.h"

DEFINE_CLEANUP(struct app_definition *, app_definition_free)

/* default_name: the name of the file without its ending. Caller owns *ret_app. */
enum status app_read(const struct document *document, const struct raw_app *raw,
                     const char *default_name, const struct config *config,
                     struct app_definition **ret_app, struct error *err) MUST_CHECK;

#endif
