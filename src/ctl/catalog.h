/* Catalog: asking workers to make lost records of backups again from the buckets. */
#ifndef CTL_CATALOG_H
#define CTL_CATALOG_H

#include "core/error.h"
#include "session.h"

#include <stddef.h>

/* A task for each bucket that the app may use, whatever its account; none for an app that no worker
 * defines. Tasks that wait or run already are not counted. */
enum status catalog_ask(struct session *session, const char *app, size_t *ret_count,
                        struct error *err) MUST_CHECK;

#endif
