/* Registration: tells Redis what this node is, which apps it has and which buckets it reaches. */
#ifndef WORKER_REGISTRATION_H
#define WORKER_REGISTRATION_H

#include "core/error.h"
#include "node_config.h"
#include "store/blocking.h"

#include <stdbool.h>

/* Registers everything. worker: the name that claims are made in. It looks at every directory:
 * one that cannot be written to is registered as failed, with the reason. is_anew: S3 buckets
 * are registered as pending, until they have been probed (helper_probe.c). Errors: those of the
 * store. */
enum status registration_run(struct store *store, const struct node_config *node,
                             const char *worker, bool is_anew, struct error *err) MUST_CHECK;

/* Registers what was found about one bucket. cause: NULL when all is well. */
enum status registration_tell_bucket(struct store *store,
                                     const struct bucket_definition *definition,
                                     enum bucket_state state, const struct error *cause,
                                     struct error *err) MUST_CHECK;

#endif
