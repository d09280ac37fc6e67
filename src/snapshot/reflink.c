#include "clone.h"
#include "core/cleanup.h"
#include "core/directory.h"
#include "core/look.h"
#include "descent.h"
#include "driver.h"
#include "links.h"
#include "metadata.h"
#include "place.h"
#include "snapshot/place_name.h"
#include "snapshot/tree_remove.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The application stands still meanwhile: a file that is leased for longer is read later. */
enum { LEASE_WAIT_MS = 500, LEASES_WAIT_MS = 2000 };

/* A tree on its way. */
struct copying {
    struct descent descent;
    int to_top_fd;
    const struct cancel *cancel;
    struct clone_terms terms;
    struct links links;
    struct metadata_room room;
    struct gaps *gaps;
};

static enum status find_source(const char *volume, char source[PATH_MAX], struct error *err)
{
    bool beside;
    if (place_has_room_beside(volume, &beside, err) != STATUS_OK)
        return error_status(err);
    char around[PATH_MAX];
    (void)snprintf(around, sizeof(around), "%s", volume);
    if (beside)
        place_directory_of(volume, around);
    (void)snprintf(source, PATH_MAX, "%s", volume);
    return clone_try(around, err);
}

static enum status copy_symlink(const struct descent_level *here, const char *name, bool *ret_made,
                                struct error *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(here->from_fd, name, target, sizeof(target));
    *ret_made = false;
    if (len < 0 && (errno == ENOENT || errno == EINVAL))
        return STATUS_OK;
    if (len < 0)
        return FAIL_ERRNO(err, "readlink");
    if (len == (ssize_t)sizeof(target))
        return FAIL(err, STATUS_TOO_LARGE, "the target of the link");
    target[len] = '\0';
    if (symlinkat(target, here->to_fd, name) != 0)
        return FAIL_ERRNO(err, "make its copy");
    *ret_made = true;
    return STATUS_OK;
}

/* *info: what the entry was like when it was looked at; then, of a regular file, what the one that
 * was cloned is like, which may have taken its place since. */
static enum status copy_content(struct copying *copying, const struct descent_level *here,
                                const char *name, struct stat *info, bool *ret_made,
                                struct error *err)
{
    if (S_ISREG(info->st_mode)) {
        enum status status =
            clone_file(here->from_fd, here->to_fd, name, &copying->terms, info, err);
        *ret_made = S_ISREG(info->st_mode);
        return status;
    }
    if (S_ISLNK(info->st_mode))
        return copy_symlink(here, name, ret_made, err);
    if (mknodat(here->to_fd, name, (info->st_mode & S_IFMT) | 0600, info->st_rdev) != 0)
        return FAIL_ERRNO(err, "make its copy");
    *ret_made = true;
    return STATUS_OK;
}

/* One whose path is too long for link(2) is a file of its own. */
static enum status remember_link(struct copying *copying, const char *name, const struct stat *info,
                                 struct error *err)
{
    const char *path = descent_path(&copying->descent);
    if (info->st_nlink <= 1 || links_find(&copying->links, info) != NULL ||
        strlen(path) + 1 + strlen(name) >= PATH_MAX)
        return STATUS_OK;
    return links_add(&copying->links, info, path, name, err);
}

static enum status copy_file(struct copying *copying, const char *name, struct stat *info,
                             struct error *err)
{
    const struct descent_level *here = descent_here(&copying->descent);
    const char *first = info->st_nlink > 1 ? links_find(&copying->links, info) : NULL;
    if (first != NULL) {
        if (linkat(copying->to_top_fd, first, here->to_fd, name, 0) != 0)
            return FAIL_ERRNO(err, "link its copy");
        links_count(&copying->links, info);
        return STATUS_OK;
    }
    bool made = false;
    if (copy_content(copying, here, name, info, &made, err) != STATUS_OK)
        return error_status(err);
    if (!made)
        return STATUS_OK;
    if (metadata_copy(&copying->room, here->from_fd, here->to_fd, name, info, err) != STATUS_OK)
        return error_status(err);
    return remember_link(copying, name, info, err);
}

/* Without room nothing more can be copied, and no gap made. */
static bool is_the_end(const struct error *cause)
{
    return cause->status == STATUS_NO_SPACE || cause->status == STATUS_NO_MEMORY;
}

/* An empty file or directory in its place, so that it is not taken for something that is not there.
 * cause: why it cannot be copied. */
static enum status leave_gap(struct copying *copying, const char *name, mode_t type, int64_t size,
                             const struct error *cause, struct error *err)
{
    int to_fd = descent_here(&copying->descent)->to_fd;
    struct stat info;
    if (is_the_end(cause)) {
        *err = *cause;
        return error_status(err);
    }
    if (unlinkat(to_fd, name, 0) != 0 && errno != ENOENT && errno != EISDIR)
        return FAIL_ERRNO(err, "remove half of its copy");
    bool is_directory = S_ISDIR(type);
    int made = is_directory ? mkdirat(to_fd, name, 0700) : mknodat(to_fd, name, S_IFREG | 0600, 0);
    if (made != 0 && !(is_directory && errno == EEXIST))
        return FAIL_ERRNO(err, "make a gap for it");
    if (fstatat(to_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return FAIL_ERRNO(err, "stat");
    return gaps_add(copying->gaps, info.st_ino, size, cause, err);
}

/* An empty directory, or an empty file. Its xattrs are those of another file system, which ours need
 * not understand. */
static enum status copy_mount(struct copying *copying, const char *name, const struct stat *info,
                              struct error *err)
{
    const struct descent_level *here = descent_here(&copying->descent);
    int made = S_ISDIR(info->st_mode) ? mkdirat(here->to_fd, name, 0700)
                                      : mknodat(here->to_fd, name, S_IFREG | 0600, 0);
    if (made != 0)
        return errno == EEXIST ? STATUS_OK : FAIL_ERRNO(err, "make its copy");
    return metadata_copy(NULL, here->from_fd, here->to_fd, name, info, err);
}

static enum status copy_looked_at(struct copying *copying, const char *name, struct stat *info,
                                  const struct look *look, struct error *err)
{
    if (S_ISSOCK(info->st_mode)) /* means nothing without the process that listens */
        return STATUS_OK;
    if (S_ISDIR(info->st_mode) && snapshot_is_ours(name))
        return STATUS_OK;
    if (look->is_mount)
        return copy_mount(copying, name, info, err);
    return S_ISDIR(info->st_mode) ? descent_note(&copying->descent, name, err)
                                  : copy_file(copying, name, info, err);
}

static enum status copy_entry(struct copying *copying, const char *name, struct error *err)
{
    if (cancel_check(copying->cancel, err) != STATUS_OK)
        return error_status(err);
    struct stat info = {0};
    struct look look;
    struct error cause;
    enum status status = STATUS_OK;
    if (look_at(descent_here(&copying->descent)->from_fd, name, &info, &look) != 0)
        status = errno == ENOENT ? STATUS_OK : FAIL_ERRNO(&cause, "stat");
    else
        status = copy_looked_at(copying, name, &info, &look, &cause);
    if (status == STATUS_OK || status == STATUS_CONFLICT) /* a name that was listed twice */
        return STATUS_OK;
    if (leave_gap(copying, name, info.st_mode, info.st_size, &cause, err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s/%s'", descent_path(&copying->descent), name);
    return STATUS_OK;
}

/* Of the directory at hand not all can be copied. */
static enum status mark_incomplete(struct copying *copying, const struct error *cause,
                                   struct error *err)
{
    ino_t inode = descent_here(&copying->descent)->to.inode;
    if (!is_the_end(cause) && gaps_add(copying->gaps, inode, 0, cause, err) == STATUS_OK)
        return STATUS_OK;
    *err = *cause;
    return FAIL_IN(err, "directory '%.200s'", descent_path(&copying->descent));
}

static enum status copy_listed(struct copying *copying, DIR *entries, struct error *err)
{
    struct error cause;
    const char *name = NULL;
    for (;;) {
        if (directory_next(entries, &name, &cause) != STATUS_OK)
            return mark_incomplete(copying, &cause, err);
        if (name == NULL)
            return STATUS_OK;
        if (copy_entry(copying, name, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status copy_entries(struct copying *copying, struct error *err)
{
    struct error cause;
    CLEANUP(fd_closep)
    int fd = fcntl(descent_here(&copying->descent)->from_fd, F_DUPFD_CLOEXEC, 0);
    CLEANUP(dir_closep) DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries == NULL) {
        (void)FAIL_ERRNO(&cause, "list");
        return mark_incomplete(copying, &cause, err);
    }
    (void)STEAL_FD(fd);
    return copy_listed(copying, entries, err);
}

/* Opens a directory of the source, just as it was listed: gone, replaced by something else or
 * mounted over since then, it has vanished, and *ret_fd is -1. */
static enum status open_source(const struct descent_level *here, const char *name, int *ret_fd,
                               struct error *err)
{
    *ret_fd = -1;
    if (here->from_fd < 0)
        return FAIL(err, STATUS_UNAVAILABLE,
                    "the directory around it was moved while it was being copied");
    *ret_fd =
        directory_open_at(here->from_fd, name, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    if (*ret_fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EXDEV)
        return STATUS_OK;
    return FAIL_ERRNO(err, "open");
}

/* *ret_entered false: it has vanished, or was copied before: it was listed twice. */
static enum status try_to_enter(struct copying *copying, const char *name, bool *ret_entered,
                                struct error *err)
{
    const struct descent_level *here = descent_here(&copying->descent);
    CLEANUP(fd_closep) int from_fd = -1;
    *ret_entered = false;
    if (open_source(here, name, &from_fd, err) != STATUS_OK)
        return error_status(err);
    if (from_fd < 0)
        return STATUS_OK;
    if (mkdirat(here->to_fd, name, 0700) != 0)
        return errno == EEXIST ? STATUS_OK : FAIL_ERRNO(err, "make its copy");
    CLEANUP(fd_closep)
    int to_fd =
        directory_open_at(here->to_fd, name, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    if (to_fd < 0)
        return FAIL_ERRNO(err, "open its copy");
    if (descent_enter(&copying->descent, name, STEAL_FD(from_fd), STEAL_FD(to_fd), err) !=
        STATUS_OK)
        return error_status(err);
    *ret_entered = true;
    return STATUS_OK;
}

static enum status enter(struct copying *copying, const char *name, struct error *err)
{
    bool entered = false;
    struct error cause;
    if (try_to_enter(copying, name, &entered, &cause) != STATUS_OK) {
        if (leave_gap(copying, name, S_IFDIR, 0, &cause, err) != STATUS_OK)
            return FAIL_IN(err, "directory '%.200s/%s'", descent_path(&copying->descent), name);
        return STATUS_OK;
    }
    return entered ? copy_entries(copying, err) : STATUS_OK;
}

/* A directory's own mode, ACL and times come last: files made in it would inherit the one and
 * change the other. */
static enum status finish_directory(struct copying *copying, struct error *err)
{
    const struct descent_level *here = descent_here(&copying->descent);
    struct stat info;
    struct error cause;
    enum status status = STATUS_OK;
    if (here->from_fd < 0)
        return STATUS_OK; /* moved away: what was in it is there, or a gap */
    if (fstat(here->from_fd, &info) != 0)
        status = FAIL_ERRNO(&cause, "stat");
    else
        status = metadata_copy(&copying->room, here->from_fd, here->to_fd, ".", &info, &cause);
    return status == STATUS_OK ? STATUS_OK : mark_incomplete(copying, &cause, err);
}

static enum status copy_tree(struct copying *copying, struct error *err)
{
    struct descent *descent = &copying->descent;
    if (metadata_room_init(&copying->room, err) != STATUS_OK ||
        copy_entries(copying, err) != STATUS_OK)
        return error_status(err);
    for (;;) {
        const char *name = descent_next(descent);
        if (name != NULL) {
            if (enter(copying, name, err) != STATUS_OK)
                return error_status(err);
            continue;
        }
        if (finish_directory(copying, err) != STATUS_OK)
            return error_status(err);
        if (descent->depth == 1)
            return STATUS_OK;
        if (descent_leave(descent, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status copy(const struct copy_order *order, const struct cancel *cancel,
                        struct gaps *gaps, struct error *err)
{
    if (mkdirat(order->place_fd, PLACE_COPY, 0700) != 0)
        return FAIL_ERRNO(err, "make directory");
    CLEANUP(fd_closep)
    int to_fd = directory_open_at(order->place_fd, PLACE_COPY, O_RDONLY | O_DIRECTORY,
                                  DIRECTORY_ON_SAME_MOUNT);
    if (to_fd < 0)
        return FAIL_ERRNO(err, "open directory");

    struct copying copying = {
        .to_top_fd = to_fd,
        .cancel = cancel,
        .gaps = gaps,
        .terms = {.since = order->planned,
                  .patience = {.file_ms = LEASE_WAIT_MS, .left_ms = LEASES_WAIT_MS}},
    };
    enum status status = descent_init(&copying.descent, order->source_fd, to_fd, err);
    if (status == STATUS_OK)
        status = copy_tree(&copying, err);
    descent_done(&copying.descent);
    links_done(&copying.links);
    metadata_room_done(&copying.room);
    return status;
}

static enum status remove_copy(int place_fd, struct error *err)
{
    return tree_remove(place_fd, PLACE_COPY, err);
}

const struct driver reflink_driver = {
    .find_source = find_source,
    .copy = copy,
    .remove = remove_copy,
    .keeps_origins = true,
};
