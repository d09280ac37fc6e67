/* Commit: the snapshot file that makes the uploaded tree a backup, and how it is found again. */
#ifndef BACKUP_COMMIT_H
#define BACKUP_COMMIT_H

#include "context.h"

/* Everything durable, then the snapshot. Fills the result. owner: the backup's context. */
enum status commit_run(void *owner, struct error *err) MUST_CHECK;

/* Was this backup committed by an earlier attempt? Then the result is that of this snapshot. Finds
 * the earlier backup to compare with as well: both take a look at every snapshot. */
enum status commit_find(struct backup_context *context, bool *ret_found, struct error *err)
    MUST_CHECK;

#endif
