/*
 * Snapshots: a point-in-time copy of one volume (a directory), on the same file system.
 *
 * Drivers   btrfs    read-only snapshot of the subvolume that holds the volume (libbtrfsutil). A
 *                    subvolume nested in the volume would be missing from it, so such a volume is
 *                    refused; auto takes reflink for it, which holds nested subvolumes as well.
 *           reflink  a tree of the volume whose files share their extents (FICLONE: XFS, btrfs):
 *                    contents with holes, modes, owners, times, xattrs, ACLs, hard links, symbolic
 *                    links, devices, fifos. Not sockets; inode numbers, ctime and chattr(1) flags
 *                    are new; a directory that something is mounted on becomes an empty one,
 *                    anything else that is mounted on an empty file. A regular file keeps its origin:
 *                    snapshot_find_origin(). What cannot be copied (an active swap file, one that
 *                    somebody holds a lease of) is a gap: snapshot/gaps.h. Hard links whose path
 *                    below the volume is PATH_MAX and longer become files of their own.
 *           none     no copy: the volume itself is read
 * Crash     snapshot_plan() says where the copy will be, before anything exists, so that the caller
 *           can write it down; snapshot_remove() takes a plan, and that there is nothing, or half a
 *           copy, is fine.
 * Place     a directory ".appbackup-<id>" (ours, mode 0700: nobody else reads old data through it)
 *           beside what is copied if that is the same mount, otherwise in it; a walk skips it:
 *           snapshot_is_ours(). The directory around it keeps its mtime.
 * Trust     the application's user may own directories on the way to the place and inside the
 *           volume. No symbolic link is ever followed, neither on the way nor inside, and nothing
 *           is removed but what lies in a place of ours, which is known by a mark in it. A volume whose path goes through a
 *           symbolic link is refused; the text names the real path.
 * Depth     any; a few descriptors (snapshot/descent.h)
 * Errors    UNSUPPORTED the driver cannot do this here (its text says why); INVALID the volume is
 *           no directory, or is behind a symbolic link; NOT_FOUND; CONFLICT the place exists
 *           already, or the volume has moved since it was planned; FORBIDDEN; NO_SPACE; what
 *           cancel_check() says.
 */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include "core/cancel.h"
#include "core/error.h"
#include "model/app.h"
#include "snapshot/gaps.h"
#include "snapshot/place_name.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* Where a file in a reflink copy keeps its origin. Nothing but that: one of this name on any other
 * file is neither copied nor believed, and none is to be stored. */
#define SNAPSHOT_ORIGIN_XATTR "trusted.appbackup.origin"

struct snapshot_plan {
    enum app_snapshot_driver driver; /* never auto */
    char volume[PATH_MAX];           /* what is copied */
    char path[PATH_MAX];  /* where to read: the copy of the volume; for none the volume */
    char root[PATH_MAX];  /* what snapshot_remove() removes; "" for none */
    bool unmarked;        /* made by a version that left no mark in the place */
    struct timespec made; /* when it was planned, by the clock that file systems take times from */
    char
        passed[256]; /* why `auto` has passed over a driver that this file system is made for; "" */
};

/* Resolves auto by the file system of the volume. id makes the place unique: the job's id and the
 * volume's number, "<uuid>-0". Changes nothing. */
enum status snapshot_plan(const char *volume, enum app_snapshot_driver driver, const char *id,
                          struct snapshot_plan *ret_plan, struct error *err) MUST_CHECK;

/* The plan for the next driver of `auto`, after snapshot_take() has failed with that of this one for
 * such a cause. Changes nothing. */
enum status snapshot_plan_next(const struct snapshot_plan *failed, const struct error *cause,
                               struct snapshot_plan *ret_plan, struct error *err) MUST_CHECK;

/* Atomic for the file system only with btrfs: the caller freezes the application around it. *gaps,
 * which are none at first, is what the copy has gaps for: caller gaps_done(). On failure nothing is
 * left behind. */
enum status snapshot_take(const struct snapshot_plan *plan, const struct cancel *cancel,
                          struct gaps *gaps, struct error *err) MUST_CHECK;

/* plan->path as a directory to read below, for the caller to close: the safe way in, since no
 * symbolic link that somebody has put on the way meanwhile is followed. */
enum status snapshot_open(const struct snapshot_plan *plan, int *ret_fd, struct error *err)
    MUST_CHECK;

/* info is what stat(2) says of the regular file of this name in a directory of a copy that keeps
 * origins: its device, inode and ctime become those that its source had when it was cloned, so
 * that the copies of two backups compare like the file itself. A source that has changed since the
 * snapshot was planned leaves no origin, since then its stat does not say for certain which
 * content was cloned: the file has an inode then that no source has, and a ctime later than any
 * earlier copy's, so that it is the same as nothing. Either way two names have the same device and
 * inode only if they are names of one file, in all copies whose plans were made before the first
 * was taken. */
void snapshot_find_origin(int directory_fd, const char *name, struct stat *info);

/* Do the regular files in the copies of this driver keep their origins, since they are new files?
 */
bool snapshot_keeps_origins(enum app_snapshot_driver driver);

/* Is what lies under a mount point in the copies of this driver, and no empty directory? */
bool snapshot_shows_under_mounts(enum app_snapshot_driver driver);

/* Idempotent. Needs driver, root and unmarked of the plan only. */
enum status snapshot_remove(const struct snapshot_plan *plan, struct error *err) MUST_CHECK;

#endif
