/* Listeners: can their certificates and keys be used? */
#ifndef MAIN_LISTENER_CHECK_H
#define MAIN_LISTENER_CHECK_H

#include "config/config.h"

/* By whoever calls it: another user may be allowed more, or less. Errors: INVALID, with file, line
 * and key; the files of the first listener that cannot be used. */
enum status listener_check(const struct config *config, struct error *err) MUST_CHECK;

#endif
