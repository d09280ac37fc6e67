/* Registration: tells Redis what this node is, which apps it has and which buckets it reaches. */
#ifndef WORKER_REGISTRATION_H
#define WORKER_REGISTRATION_H

#include "core/error.h"
#include "setup.h"
#include "store/jobs.h"

/* Looks at every bucket: one that cannot be written to is registered as failed, with the reason.
 * Errors: those of the store. */
enum status registration_run(struct store *store, const struct setup *setup, struct error *err)
    MUST_CHECK;

#endif
