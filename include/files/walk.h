/*
 * Walk: one volume, entry by entry, each directory's in the order of their bytes. Iterative: what
 * it holds is the path from the volume to where it is, a descriptor and the names per level.
 *
 * Skips     what the excludes name, sockets, our own snapshots (snapshot_is_ours()). A directory
 *           with a valid CACHEDIR.TAG keeps only the tag, where that is asked for.
 * Borders   what is mounted below the volume is not entered, of whatever file system it is: a
 *           directory comes as an empty one, without a descriptor of its own, anything else as
 *           WALK_MOUNT. A mount that shows what would be there without it (the sandbox of a service
 *           has such) is no border, nor is a nested btrfs subvolume.
 * Twice     a second walk may replay the recording of a first one (walk_recording.h).
 * Safety    everything is opened relative to its directory, symbolic links are never followed.
 * Limits    WALK_PATH_MAX bytes of path; beyond, and without a descriptor to be had, an entry comes
 *           as WALK_FAILED and its subtree is left out.
 * Depth     some 64 levels above the one that the walk is in, and those that others hold, keep their
 *           descriptors; one that was closed is opened again from below, and is the very same
 *           directory. If somebody has moved it meanwhile, the rest of it comes as WALK_FAILED.
 */
#ifndef FILES_WALK_H
#define FILES_WALK_H

#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "core/patient_open.h"
#include "files/exclude.h"
#include "files/walk_recording.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { WALK_PATH_MAX = 1 << 20 };

enum walk_kind {
    WALK_END,
    WALK_ENTRY,  /* anything but a directory */
    WALK_ENTER,  /* a directory; what is in it follows */
    WALK_LEAVE,  /* the directory again, behind what is in it */
    WALK_MOUNT,  /* no directory; what is seen here is mounted */
    WALK_FAILED, /* an entry that could not be looked at or opened: failure says why */
};

/* A directory that a walk is in. It lives as long as anybody holds it. One thread holds and drops;
 * any may use the descriptor. */
struct walk_directory {
    int fd; /* -1: a mount point, which is not entered; or nobody but the walk holds it */
    unsigned holders;
    struct walk_directory *parent; /* held; NULL for the volume */
    char name[];                   /* of the volume its path, "" for "/" */
};

struct walk_directory *walk_hold(struct walk_directory *directory); /* NULL is NULL */
void walk_drop(struct walk_directory *directory);                   /* NULL is a no-op */
/* One of the same name in the same place, under another descriptor, which is taken, also on failure;
 * held once. NULL: no memory. */
struct walk_directory *walk_twin(const struct walk_directory *directory, int fd);
/* Appends the path under which people find an entry of it; the buffer's limit holds. */
void walk_add_path(const struct walk_directory *directory, const char *name, struct buffer *path);

/* What a walk has come to. Everything is borrowed until the next call. */
struct walk_item {
    enum walk_kind kind;
    const char *path; /* where people find it: below the volume, not below its snapshot */
    const char *name; /* last component; "" for the volume "/" */
    int parent;       /* descriptor of the directory that holds it; -1 for the volume itself, and
                         for a directory that is left far below it */
    struct walk_directory *holder; /* that directory; NULL for the volume itself */
    struct walk_directory *self;   /* of WALK_ENTER and WALK_LEAVE; else NULL */
    struct stat info;              /* not for WALK_FAILED */
    const struct error *failure;   /* WALK_FAILED; NOT_FOUND: it has vanished */
    bool is_directory;
};

struct walk_options {
    const char *volume;            /* the path that the entries are shown under */
    const struct exclude *exclude; /* NULL: none */
    bool exclude_caches;
    struct walk_recording *records; /* is filled for a second walk; NULL: none */
    struct walk_recording *replays; /* was filled by a walk with the same options; NULL: none */
};

struct walk;

/* Opens a walk. fd is the directory where the volume is read; it is taken, also on failure. The
 * options are borrowed. Caller owns *ret_walk. */
enum status walk_open(const struct walk_options *options, int fd, struct walk **ret_walk,
                      struct error *err) MUST_CHECK;
enum status walk_next(struct walk *walk, struct walk_item *ret_item, struct error *err) MUST_CHECK;
void walk_close(struct walk *walk); /* NULL is a no-op */
DEFINE_CLEANUP(struct walk *, walk_close)

/* Opens an entry for reading, without following, and waiting for nothing but a lease; the time of
 * last access is not touched where that is allowed. Returns what openat(2) returns. */
int walk_open_at(int directory, const char *name, struct patience *patience);

/* Does the directory hold a valid CACHEDIR.TAG? */
bool walk_is_cache(int directory);

/* Raises the soft limit of descriptors to the hard one, for a deep tree; *ret_before is for
 * walk_restore_descriptors(). */
struct rlimit;
void walk_raise_descriptors(struct rlimit *ret_before);
void walk_restore_descriptors(const struct rlimit *before);

#endif
