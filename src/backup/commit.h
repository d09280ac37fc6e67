/* Commit: the snapshot file that makes the uploaded tree a backup, and how it is found again. */
#ifndef BACKUP_COMMIT_H
#define BACKUP_COMMIT_H

#include "context.h"

/* The stage; owner: the backup's context. Makes everything durable, saves the snapshot and fills
 * the result. */
enum status commit_run(void *owner, struct error *err) MUST_CHECK;

/* Has an earlier attempt committed this backup? Then the result is that of its snapshot. It also
 * finds the earlier backup to compare with, since both need a look at every snapshot. */
enum status commit_find(struct backup_context *context, bool *ret_found, struct error *err)
    MUST_CHECK;

#endif
