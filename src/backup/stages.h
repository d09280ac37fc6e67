/*
 * Stages: what backup.c puts in line for the pipeline (undo/operation.h), each stage in a file of its
 * own. The owner of all of them is the backup's context.
 *
 *   app_hold.c  touches the application, and lets it go again
 *   discover.c  how much there is to back up
 *   upload.c    puts what was frozen into the repository
 *   commit.c    makes it a backup
 */
#ifndef BACKUP_STAGES_H
#define BACKUP_STAGES_H

#include "core/error.h"
#include "files/walk.h"

#include <stdbool.h>
#include <stddef.h>

struct backup_context;

/*
 * App hold: the stages in which the application is touched, and how it is let go again.
 *
 *   pre-backup     owes post-backup     the record is written first
 *   pre-snapshot   owes post-snapshot   and, in the same write, the snapshots that will be taken
 *   snapshot       taken_ms
 *   post-snapshot  pays; from here on the application is free
 *   cleanup        removes the snapshots and the repository's lock
 *   post-backup    pays
 *
 * Paying fails no backup that is committed; what is still owed then stays in the record.
 */
enum status app_hold_pre_backup(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_pre_snapshot(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_snapshot(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_post_snapshot(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_cleanup(void *owner, struct error *err) MUST_CHECK;
enum status app_hold_post_backup(void *owner, struct error *err) MUST_CHECK;

void app_hold_undo_pre_backup(void *owner);
void app_hold_undo_pre_snapshot(void *owner);

/*
 * Adds to the details what the snapshots are not, or do not hold, looking at the volumes as they are
 * right after them (snapshot_warnings.c):
 * not_a_snapshot  the app has hooks around the snapshot, and a volume of which none could be taken
 *                 (not where the app's file says "snapshot: none")
 * mount_skipped   a mount below a volume, which a snapshot does not have, and no exclude names.
 *                 Where there is no snapshot the walk itself meets it.
 */
enum status snapshot_warnings_tell(struct backup_context *context, struct error *err) MUST_CHECK;

/*
 * Discover: a walk over what was frozen. Meanwhile the upload gets what it needs of the repository:
 * the lock, whose wait is over by then, and the index, which a thread of its own loads. The lock
 * counts as taken, is renewed and given back.
 *
 * Leaves a recording for the upload. Sets bytes_total and bytes_done of the result. What cannot be
 * looked at counts nothing here: the upload finds it again, and says so.
 */
enum status discover_run(void *owner, struct error *err) MUST_CHECK;
/* Ends what was begun, and gives the lock back. */
void discover_undo(void *owner);

/* Waits for lock and index. That the repository is locked counts more than that its index could not
 * be read meanwhile. */
enum status discover_finish(struct backup_context *context, struct error *err) MUST_CHECK;

/* Opens a walk over what was frozen of a volume, shown under the volume's own path. The options
 * must live as long as the walk. The first walk over it is recorded, the second one (again) replays
 * the recording. */
enum status discover_walk(const struct backup_context *context, size_t volume, bool again,
                          struct walk_options *options, struct walk **ret_walk, struct error *err)
    MUST_CHECK;

/*
 * Upload: one tree of all volumes under their own paths. Runs after discover_run(), and sets tree,
 * files and directories of the context.
 *
 * Names     and paths are the volume's, also where a snapshot of it is read. So is the number of
 *           its device: a btrfs snapshot has a new one each time, and every directory would
 *           differ.
 * Volume    its own node has the attributes of its copy, which the snapshot gave it.
 * Totals    bytes_done grows with what is stored or known to be; a file that could not be read
 *           counts as well in the end, so that it reaches bytes_total.
 * Errors    FORBIDDEN, reason "nothing_readable": there were files, and not one could be read
 */
enum status upload_run(struct backup_context *context, struct error *err) MUST_CHECK;

/* Commit: the snapshot file that makes the uploaded tree a backup. Makes everything durable, saves
 * the snapshot and fills the result. */
enum status commit_run(void *owner, struct error *err) MUST_CHECK;

/* Has an earlier attempt committed this backup? Then the result is that of its snapshot. It also
 * finds the earlier backup to compare with, since both need a look at every snapshot. */
enum status commit_find(struct backup_context *context, bool *ret_found, struct error *err)
    MUST_CHECK;

#endif
