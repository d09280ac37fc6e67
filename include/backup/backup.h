/*
 * One backup, from the application's files to a snapshot in the repository, with undo.
 *
 * Order     open           bucket and repository; BACKUP_DISCOVERING from here. What a dead attempt
 *                          of this job has left is unwound first. LOCKED if somebody else has the
 *                          repository to himself: the application is not held for nothing.
 *           pre-backup     hooks
 *           pre-snapshot   volumes are planned; hooks: the application is frozen from here
 *           snapshot       taken_ms
 *           post-snapshot  hooks: free again
 *           discover       the repository's lock, shared; a walk over the snapshot: bytes_total;
 *                          the index is loaded meanwhile
 *           upload         BACKUP_RUNNING from here
 *           commit         after it nothing makes the backup fail
 *           cleanup        snapshots and lock are removed
 *           post-backup    hooks
 * Undo      before the first hook starts, what it takes to unwind is written durably to the undo
 *           directory (undo/undo.h); whatever dies, undo_all() runs it. After a failure
 *           or a cancel the same is done here: post-snapshot hooks, if the stage pre-snapshot
 *           was entered; snapshots; post-backup hooks, if the stage pre-backup was. They know by
 *           APPBACKUP_REASON=undo, and are not cancelled: each has its own deadline. On the way
 *           to a completed backup each runs exactly once.
 * Soft      a failing hook does not end the backup unless it says on_failure: abort; then the
 *           rest of its stage is left out if that is a pre stage. A post-backup hook can fail no
 *           backup, since it is committed by then. A file that cannot be read is a warning among
 *           the details (the first 16 named, all counted); that no file could be read is a
 *           failure.
 * Volumes   directories (not symbolic links), each with one file system: what is mounted below it
 *           is left out, with a warning (mount_skipped) unless it is excluded. A nested btrfs
 *           subvolume is a part of it. A volume may be made by a pre-backup hook. Sockets are left
 *           out; what else is: files/exclude.h.
 * No copy   with the driver none files are read after the post-snapshot hooks. Where the app has
 *           hooks around the snapshot, and did not ask for none, that is a warning
 *           (not_a_snapshot); pre- and post-backup hooks are what holds it. A file is read up to
 *           the size it had when it was opened; what discover has seen unchanged is not looked at
 *           again, and what changes later comes with the next backup.
 * Memory    beside that of the repository and of the threads: 24 MiB for what discover has seen.
 * Bytes     st_size of regular files, each hard link counted, as found by discover; not of those that
 *           are too large for the repository's format, and 2^53 at most. bytes_done
 *           grows with what is in the repository, was there before, or turned out to be unreadable;
 *           it never falls nor passes bytes_total, and equals it when committed.
 * Reports   as access/work.h says: at each stage, each 256 entries, when chunks have been stored,
 *           and while uploading at least each second (the callee thins them out), but not while
 *           undoing.
 * Threads   the upload has its own, which are gone when the call returns.
 * Errors    reason volume_missing (NOT_FOUND, INVALID), nothing_readable (FORBIDDEN),
 *           hook_failed (CONFLICT): permanent. bucket_unreachable (UNAVAILABLE), LOCKED,
 *           NO_SPACE: transient. canceled (CANCELED), lease_lost (LOST). And those of snapshot,
 *           repository and bucket.
 * Details   of the state: not_a_snapshot, mount_skipped, volume_empty, file_unreadable,
 *           file_vanished, file_changed, file_not_in_snapshot, file_too_large,
 *           attributes_unreadable, files_skipped (the count),
 *           snapshot_unreadable (another one in the repository), snapshot_left,
 *           undo_record_stale, and the reason of a failed undo of an earlier attempt. Of hooks:
 *           hook_failed, with stage, hook, exitCode, signal, timedOut, durationMs and output
 *           (the last 4 KiB) in additionalDetails.
 */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include "access/work.h"
#include "core/error.h"
#include "core/id.h"
#include "model/app.h"

#include <stddef.h>

/* What to do. Everything is borrowed. */
struct backup_plan {
    struct work work;
    const char *job;    /* id */
    const char *backup; /* id */
    const char *backup_name;
    const char *account;
    const char *created_by; /* these three lie beside the data, for a record that is lost */
    const char *version;    /* of the request; NULL, like the others: not told */
    const json_t *labels;   /* array of {name, value} */
    const struct app_definition *app;
    const char *undo_directory;
    const struct error *paid; /* by the caller, what a dead attempt of the job owes: OK, or why it
                                 could not be; NULL: it is paid first */
    size_t threads;           /* that read and store files; 0: one for each processor */
    int64_t unseen_ms; /* how long a write to a mapped file may change it without changing its
                          times; 0: what the kernel and the volume's file system say */
};

/* Fills *result also on failure, as far as it came; it has been initialised by the caller. A backup
 * whose snapshot is in the repository already (tag "backup=<id>", from an attempt that died between
 * commit and report) is completed with that one, without hooks. */
enum status backup_run(const struct backup_plan *plan, struct work_result *result,
                       struct error *err) MUST_CHECK;

#endif
