/*
 * One restore: from a snapshot in the repository back to files, below a directory of the caller's
 * choice or in the place of the application.
 *
 * Order     open           bucket, repository, the snapshot; what a dead attempt of this job owes
 *                          is paid first; in place: is there room beside the old
 *           pre-restore    hooks (in place only, like post-restore)
 *           plan           the snapshot's trees are read: directories and what has no content are
 *                          made; bytes_total
 *           check          what an earlier attempt left is compared with the blobs' hashes
 *           restore        content, pack by pack, in as many threads as there are processors
 *           finish         hard links; owners, modes and times of directories, deepest first
 *           swap           in place: everything durable; is the claim still ours; new for old
 *           carry          in place: what is excluded goes from the old into the new
 *           post-restore   hooks: the application goes on
 *           cleanup        in place: the old is removed
 * Target    as restic does: DIR/srv/shop/data. DIR is made if need be; one that is not empty is
 *           refused ("target_not_empty") unless the plan says overwrite, or an earlier attempt of
 *           the job has begun there, of which the undo record tells. With overwrite, what is there
 *           and not in the backup stays; what is in the way of an entry of the backup is replaced,
 *           but not a directory that is not empty, nor what chattr(1) has fixed. No hooks run. Not
 *           synced: as cp(1) does it.
 * In place  each volume of the app, whole, is restored beside itself as
 *           <parent>/.<name>.appbackup-restore-<job>, and exchanged with the live one by one
 *           rename(2) when all of them are there, verified and on disk. A volume that cannot be
 *           renamed (a mount point, the root of a btrfs subvolume) holds the new and then the old
 *           in a directory of that kind inside of it, and its entries are exchanged. The old is
 *           kept until all volumes are exchanged. Whatever dies when: after undo_job() all
 *           volumes are the old ones, or all are the new ones. Volumes that the backup does not
 *           hold are refused before anything is touched.
 * Excluded  what the app's excludes leave out of backups stays, in place: once the exchange cannot
 *           be taken back any more, and before the application goes on, it is renamed into the new
 *           volume, unless that has the same path from the backup. Parents that are not in the
 *           backup are made as they were. What cannot go stays in the old volume, which is then
 *           kept where it is, and forgotten: "excluded_left" names it.
 * Includes  patterns as in files/exclude.h, positive; an included directory comes with all that
 *           is below it, and its parents are made. Only with a target: in place a volume is
 *           restored whole. That nothing matches is a failure ("nothing_included").
 * Verified  each blob by its MAC and its SHA-256, before any of it is written.
 * Restart   files that are there and have the node's size are hashed; blobs that are right are
 *           neither fetched nor written, and count as done. For a restore in place what was
 *           restored beside stays for the next attempt of the job after a crash or a transient
 *           failure, at most a day; undo_discard() removes it. After any other
 *           failure nothing is left. One that had come to the swap's end is completed.
 * Bytes     sizes of regular files, a file with several hard links counted once.
 * Reports   as access/work.h says; state is unset, taken_ms 0.
 * Failing   a damaged or missing blob, or a file that cannot be written, is named among the
 *           details: pack and file (16 of them, all counted). With a target the rest is restored
 *           all the same, and the end is a failure that says how many are missing (CORRUPT,
 *           "data_damaged"; else "files_not_restored"); in place it is a failure, and nothing is
 *           touched. Owners, attributes and devices that only root can set are warnings for
 *           others.
 * Hostile   names that lead out of their directory are refused by the tree's reader; no symbolic
 *           link is ever followed, every entry is reached by its directory's descriptor.
 * Memory    at most 100 bytes and the name for each entry, 24 bytes for each blob, 64 MiB of
 *           data.
 * Errors    NOT_FOUND: no such snapshot ("snapshot_missing"), a volume that is not in it
 *           ("volume_not_in_backup"), patterns that match nothing ("nothing_included"); CONFLICT
 *           "target_not_empty", "no_room"; INVALID: plan; NO_SPACE; hook_failed (CONFLICT); CORRUPT
 *           "data_damaged"; bucket_unreachable (UNAVAILABLE), canceled (CANCELED), LOST.
 * Details   of the state: data_damaged, file_not_restored, attributes_not_restored, files_skipped
 *           (the count), not_restored (paths that the app has no volume for), old_left,
 *           excluded_left, and those of backup/backup.h.
 */
#ifndef RESTORE_RESTORE_H
#define RESTORE_RESTORE_H

#include "access/work.h"
#include "model/app.h"

#include <stdbool.h>

/* What to do. Everything is borrowed. */
struct restore_plan {
    struct work work;
    const char *job;      /* id */
    const char *backup;   /* id; for hooks, and for the tag of its snapshot */
    const char *snapshot; /* the repository's id of it, 64 digits; NULL, or if it is not there: the
                             latest with the tag "backup=<id>" */
    const struct app_definition *app;
    const char *undo_directory;
    const struct error *paid; /* by the caller, what a dead attempt of the job owes: OK, or why it
                                 could not be; NULL: it is paid first */
    const char *target;       /* absolute; NULL: in place */
    bool overwrite;           /* into a target that is not empty */
    const char *const *includes; /* NULL-terminated, or NULL: all */
    unsigned threads;            /* 0: as many as processors */
};

/* Fills *result also on failure, as far as it came; initialised by work_result_init(). */
enum status restore_run(const struct restore_plan *plan, struct work_result *result,
                        struct error *err) MUST_CHECK;

#endif
