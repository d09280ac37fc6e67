/*
 * Snapshots: a point-in-time copy of one volume (a directory), on the same file system.
 *
 * Drivers   btrfs    read-only snapshot of the subvolume that holds the volume (libbtrfsutil)
 *           reflink  a tree of the volume whose files share their extents (FICLONE: XFS, btrfs)
 *           none     no copy: the volume itself is read
 * Crash     snapshot_plan() says where the copy will be, before anything exists, so that the caller
 * can write it down; snapshot_remove() takes a plan, and that there is nothing, or half a copy, is
 * fine. Place     a directory ".appbackup-<id>" beside or in the volume; see snapshot_is_ours().
 * Errors    UNSUPPORTED the driver cannot do this here (its text says why); NO_SPACE; CANCELED.
 */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include "core/cancel.h"
#include "core/error.h"
#include "core/id.h"
#include "model/app.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct snapshot_plan {
    enum app_snapshot_driver driver; /* never auto */
    char volume[PATH_MAX];           /* what is copied */
    char path[PATH_MAX]; /* where to read: the copy of the volume; for none the volume */
    char root[PATH_MAX]; /* what snapshot_remove() removes; "" for none */
};

/* Resolves auto by the file system of the volume. id makes the place unique: the job's id and the
 * volume's number, e.g. "<uuid>-0". Changes nothing. */
enum status snapshot_plan(const char *volume, enum app_snapshot_driver driver, const char *id,
                          struct snapshot_plan *ret_plan, struct error *err) MUST_CHECK;

/* Atomic for the file system only with btrfs: the caller freezes the application around it. On
 * failure nothing is left behind. */
enum status snapshot_take(const struct snapshot_plan *plan, const struct cancel *cancel,
                          struct error *err) MUST_CHECK;

/* Idempotent. */
enum status snapshot_remove(const struct snapshot_plan *plan, struct error *err) MUST_CHECK;

/* Is this directory entry one of our snapshots, which a walk must not enter? */
bool snapshot_is_ours(const char *name);

#endif
