/* Listener check: what front end and admin's tool say about the listeners of a configuration. */
#ifndef MAIN_LISTENER_CHECK_H
#define MAIN_LISTENER_CHECK_H

#include "config/config.h"

/* Can we use the certificates and keys of all listeners? Another user may be allowed more, or less.
 * Errors: INVALID, with file, line and key, for the first listener whose files cannot be used. */
enum status listener_check(const struct config *config, struct error *err) MUST_CHECK;

#endif
