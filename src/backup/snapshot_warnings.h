/* Snapshot warnings: what the snapshots of a backup are not, or do not hold. */
#ifndef BACKUP_SNAPSHOT_WARNINGS_H
#define BACKUP_SNAPSHOT_WARNINGS_H

#include "context.h"
#include "core/error.h"

/*
 * Adds to the details, looking at the volumes as they are right after their snapshots:
 * not_a_snapshot  the app has hooks around the snapshot, and a volume of which none could be taken
 *                 (not where the app's file says "snapshot: none")
 * mount_skipped   a mount below a volume, which a snapshot does not have, and no exclude names.
 *                 Where there is no snapshot the walk itself meets it.
 */
enum status snapshot_warnings_tell(struct backup_context *context, struct error *err) MUST_CHECK;

#endif
