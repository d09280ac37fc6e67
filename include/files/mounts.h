/*
 * Mounts: what is mounted where, as this process sees it (/proc/self/mountinfo, proc(5)).
 */
#ifndef FILES_MOUNTS_H
#define FILES_MOUNTS_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A mount. Its texts belong to the struct mounts. */
struct mount {
    uint64_t id;        /* stx_mnt_id of statx(2) */
    uint64_t around;    /* the id of the mount that it is mounted in */
    const char *device; /* of the file system, "major:minor" */
    const char *root;   /* what of the file system is mounted: "/", "/@home" */
    const char *path;   /* where */
    const char *type;   /* "ext4" */
};

struct mounts {
    struct buffer text;
    struct mount *list;
    size_t count;
};

/* On failure nothing is to be released. */
enum status mounts_read(struct mounts *mounts, struct error *err) MUST_CHECK;
void mounts_done(struct mounts *mounts); /* all zeros is fine */

/* Finds the mount that the directory is in. In a changed root it need not be listed: then only its
 * id is known. */
enum status mounts_find(const struct mounts *mounts, const char *directory, struct mount *ret_mount,
                        struct error *err) MUST_CHECK;

/* Is it mounted below the directory, which lies in the mount around, with none in between? */
bool mount_is_below(const struct mount *mount, const struct mount *around, const char *directory);

/* Does it show what would be there without it? In the sandbox of a service such mounts are common.
 */
bool mount_hides_nothing(const struct mount *mount, const struct mount *around);

#endif
