/*
 * Catalogue: after Redis has lost everything, the backups in the buckets are without records. A
 * process of its own looks, since a bucket may be slow: for each app of this node without a single
 * backup in Redis, and each bucket that holds a repository of it, it asks for a task that brings
 * the records back. Where nothing is lost it finds nothing, and costs a question per app.
 */
#ifndef WORKER_CATALOG_H
#define WORKER_CATALOG_H

#include "core/error.h"
#include "node_config.h"

#include <sys/types.h>

enum { CATALOG_DEADLINE_MS = 600000, CATALOG_AGAIN_MS = 60000 };

/* Exit code 0: all was looked at. It dies with the supervisor. */
enum status catalog_start(const struct node_config *node, pid_t *ret_pid, struct error *err)
    MUST_CHECK;

#endif
