/*
 * Undo record: what a job owes the application and the host as long as it runs, in memory and,
 * durably, as <undo directory>/<job>.json (mode 0600):
 *
 *   {"version": 1, "job": "…", "backup": "…", "app": "shop",
 *    "hooks": {"post-snapshot": [{"name": "thaw", "command": ["/bin/x", "-y"], "user": "shop",
 *                                 "timeout_ms": 60000, "abort": false}],
 *              "post-backup": []},
 *    "snapshots": [{"driver": "btrfs", "volume": "/srv/shop",
 *                   "path": "/srv/.appbackup-…/snapshot/shop", "root": "/srv/.appbackup-…",
 *                   "marked": true}],
 *    "tries": 2, "tried_ms": 1790000000000}
 *
 * A restore in place adds what is restored where (undo/place.h):
 *
 *    "restore": {"phase": "beside", "since_ms": 1790000000000,
 *                "places": [{"volume": "/srv/shop", "inside": false, "inode": 4711,
 *                            "born_ns": 1790000000000000000, "old_inode": 4242,
 *                            "old_born_ns": 1780000000000000000}],
 *                "excludes": ["*.log"], "exclude_caches": false, "carried": false}
 *
 * or, of a restore to a target, as long as it may be tried again, where it has begun:
 *
 *    "restore": {"phase": "beside", "since_ms": 1790000000000, "places": [],
 *                "target": {"inode": 4711, "born_ns": 1790000000000000000}}
 *
 * A record of an earlier version lacks "marked", and all but the "inode" of a place.
 *
 * A stage that is listed under "hooks" is owed, a snapshot that is listed may exist. "tries": how
 * often the debt was to be paid already, and could not be; "tried_ms": when, the last time.
 *
 * Changes   a new member is optional for the reader, or "version" goes up; an older reader keeps a
 *           record that it does not understand as *.bad.
 * Limits    RECORD_BYTES_MAX
 * Errors    INVALID: text that JSON cannot hold (not UTF-8), or a file that is not such a record
 */
#ifndef UNDO_RECORD_H
#define UNDO_RECORD_H

#include "core/error.h"
#include "core/id.h"
#include "model/app.h"
#include "snapshot/snapshot.h"
#include "undo/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_VERSION = 1, RECORD_BYTES_MAX = 16 << 20 };

enum restore_phase {
    RESTORE_NONE = 0, /* no restore, or nothing is left of it */
    RESTORE_BESIDE,   /* the old are live */
    RESTORE_SWAP,     /* being exchanged: to be taken back */
    RESTORE_SWAPPED,  /* the new are live: this is kept, but for what is not carried over yet */
    RESTORE_PHASE_COUNT
};

struct undo_record {
    char job[ID_SIZE];
    char backup[ID_SIZE];
    char app[NAME_SIZE];
    bool owed[HOOK_STAGE_COUNT];              /* the hooks of this post stage must run */
    struct app_hooks hooks[HOOK_STAGE_COUNT]; /* of the post stages */
    bool owns_hooks;
    struct snapshot_plan *snapshots; /* owned */
    size_t snapshot_count;
    int64_t tries, tried_ms; /* of paying what is owed */
    enum restore_phase phase;
    int64_t since_ms;          /* when the first attempt of the restore began */
    struct file_id target;     /* that of a restore to one; none: in place, or overwriting */
    struct undo_place *places; /* owned */
    size_t place_count;
    char **excludes;     /* owned; NULL-terminated, or NULL: the app's, as its excludes */
    bool exclude_caches; /* the app's */
    bool carried;        /* what these leave out is in the new: the old may go */
};

void undo_record_done(struct undo_record *record); /* all zeros is fine */

/* Sets the excludes in place of those that the record has. patterns: NULL-terminated, or NULL;
 * copied. */
enum status undo_record_set_excludes(struct undo_record *record, char *const *patterns,
                                     struct error *err) MUST_CHECK;

/* Writes "<directory>/<job>.json" into path[PATH_MAX]. */
enum status undo_record_path(const char *directory, const char *job, char *path, struct error *err)
    MUST_CHECK;

/* Writes the record durably. Makes the directory if need be. */
enum status undo_record_write(const struct undo_record *record, const char *directory,
                              struct error *err) MUST_CHECK;

/* Reads the record of the job, which owns its hooks. NOT_FOUND: there is no such file. INVALID,
 * TOO_LARGE: it is no record of that job. */
enum status undo_record_read(const char *directory, const char *job, struct undo_record *ret_record,
                             struct error *err) MUST_CHECK;

/* Parses the text of such a file. */
enum status undo_record_parse(const char *bytes, size_t len, struct undo_record *ret_record,
                              struct error *err) MUST_CHECK;

#endif
