/*
 * Forget: removes what a backup has in its repository. Its data goes with the next prune.
 *
 * Removed   the snapshot that the plan names, readable or not, and every one with the tag
 *           "backup=<id>". Others that cannot be read stay.
 * Lock      exclusive, and only where there is something to remove (LOCKED is transient). No
 *           repository and no snapshot is fine.
 * Reports   none.
 */
#ifndef MAINTENANCE_FORGET_H
#define MAINTENANCE_FORGET_H

#include "access/work.h"

/* Everything is borrowed. */
struct forget_plan {
    struct work work;
    const char *backup;   /* id */
    const char *snapshot; /* the repository's id of it, 64 digits; "" or NULL: none is known */
};

enum status forget_run(const struct forget_plan *plan, struct error *err) MUST_CHECK;

#endif
