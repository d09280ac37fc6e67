#include "clone.h"
#include "core/cleanup.h"
#include "core/directory.h"
#include "driver.h"
#include "links.h"
#include "metadata.h"
#include "pending.h"
#include "place.h"
#include "snapshot/place_name.h"
#include "snapshot/tree_remove.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A tree on its way. Directories are named by their path below the top, the same on both sides;
 * only the two of the one at hand are open, whatever the depth. */
struct copying {
    int from_top_fd, to_top_fd;
    const struct cancel *cancel;
    struct timespec since; /* what has changed since then keeps no origin */
    struct pending pending;
    struct links links;
    struct metadata_room room;
};

struct directory {
    int from_fd, to_fd;
    const char *path;
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

static bool is_mount_point(int from_fd, const char *name)
{
    struct statx info;
    return statx(from_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &info) == 0 &&
           (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static enum status copy_directory(struct copying *copying, const struct directory *directory,
                                  const char *name, const struct stat *info, struct error *err)
{
    if (snapshot_is_ours(name))
        return STATUS_OK;
    if (!is_mount_point(directory->from_fd, name))
        return pending_push(&copying->pending, PENDING_ENTER, directory->path, name, err);
    if (mkdirat(directory->to_fd, name, 0700) != 0)
        return FAIL_ERRNO(err, "make its copy");
    /* Its xattrs are those of another file system, which ours need not understand. */
    return metadata_copy(NULL, directory->from_fd, directory->to_fd, name, info, err);
}

static enum status copy_symlink(const struct directory *directory, const char *name, bool *ret_made,
                                struct error *err)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(directory->from_fd, name, target, sizeof(target));
    *ret_made = false;
    if (len < 0 && (errno == ENOENT || errno == EINVAL))
        return STATUS_OK;
    if (len < 0)
        return FAIL_ERRNO(err, "readlink");
    if (len == (ssize_t)sizeof(target))
        return FAIL(err, STATUS_TOO_LARGE, "the target of the link");
    target[len] = '\0';
    if (symlinkat(target, directory->to_fd, name) != 0)
        return FAIL_ERRNO(err, "make its copy");
    *ret_made = true;
    return STATUS_OK;
}

/* *info: what the entry was like when it was looked at; then, of a regular file, what the one that
 * was cloned is like, which may have taken its place since. */
static enum status copy_content(const struct copying *copying, const struct directory *directory,
                                const char *name, struct stat *info, bool *ret_made,
                                struct error *err)
{
    if (S_ISREG(info->st_mode)) {
        enum status status =
            clone_file(directory->from_fd, directory->to_fd, name, &copying->since, info, err);
        *ret_made = S_ISREG(info->st_mode);
        return status;
    }
    if (S_ISLNK(info->st_mode))
        return copy_symlink(directory, name, ret_made, err);
    if (mknodat(directory->to_fd, name, (info->st_mode & S_IFMT) | 0600, info->st_rdev) != 0)
        return FAIL_ERRNO(err, "make its copy");
    *ret_made = true;
    return STATUS_OK;
}

static enum status copy_file(struct copying *copying, const struct directory *directory,
                             const char *name, struct stat *info, struct error *err)
{
    const char *first = info->st_nlink > 1 ? links_find(&copying->links, info) : NULL;
    if (first != NULL) {
        if (linkat(copying->to_top_fd, first, directory->to_fd, name, 0) != 0)
            return FAIL_ERRNO(err, "link its copy");
        links_count(&copying->links, info);
        return STATUS_OK;
    }
    bool made;
    if (copy_content(copying, directory, name, info, &made, err) != STATUS_OK)
        return error_status(err);
    if (!made)
        return STATUS_OK;
    if (info->st_nlink > 1 && links_find(&copying->links, info) == NULL &&
        links_add(&copying->links, info, directory->path, name, err) != STATUS_OK)
        return error_status(err);
    return metadata_copy(&copying->room, directory->from_fd, directory->to_fd, name, info, err);
}

static enum status copy_entry(struct copying *copying, const struct directory *directory,
                              const char *name, struct error *err)
{
    if (cancel_check(copying->cancel, err) != STATUS_OK)
        return error_status(err);
    struct stat info;
    enum status status;
    if (fstatat(directory->from_fd, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
        status = errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "stat");
    else if (S_ISSOCK(info.st_mode))
        status = STATUS_OK; /* means nothing without the process that listens */
    else if (S_ISDIR(info.st_mode))
        status = copy_directory(copying, directory, name, &info, err);
    else
        status = copy_file(copying, directory, name, &info, err);
    if (status != STATUS_OK)
        return FAIL_IN(err, "'%s/%s'", directory->path, name);
    return STATUS_OK;
}

static enum status copy_entries(struct copying *copying, DIR *entries, int to_fd, const char *path,
                                struct error *err)
{
    struct directory directory = {.from_fd = dirfd(entries), .to_fd = to_fd, .path = path};
    const char *name;
    do {
        if (directory_next(entries, &name, err) != STATUS_OK)
            return FAIL_IN(err, "'%s'", path);
        if (name != NULL && copy_entry(copying, &directory, name, err) != STATUS_OK)
            return error_status(err);
    } while (name != NULL);
    return STATUS_OK;
}

/* Opens a directory of the source, just as it was listed: gone, replaced by something else or
 * mounted over since then, it has vanished, and *ret_from_fd is -1. */
static enum status open_source(const struct copying *copying, const char *path, int *ret_from_fd,
                               struct error *err)
{
    *ret_from_fd = directory_open_at(copying->from_top_fd, path, O_RDONLY | O_DIRECTORY,
                                     DIRECTORY_ON_SAME_MOUNT);
    if (*ret_from_fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
        errno == EXDEV)
        return STATUS_OK;
    return FAIL_ERRNO(err, "open directory '%s'", path);
}

static enum status enter(struct copying *copying, const char *path, struct error *err)
{
    CLEANUP(fd_closep) int from_fd = -1;
    if (open_source(copying, path, &from_fd, err) != STATUS_OK)
        return error_status(err);
    if (from_fd < 0)
        return STATUS_OK;
    if (strcmp(path, ".") != 0 && mkdirat(copying->to_top_fd, path, 0700) != 0)
        return FAIL_ERRNO(err, "make the copy of directory '%s'", path);
    CLEANUP(fd_closep)
    int to_fd = directory_open_at(copying->to_top_fd, path, O_RDONLY | O_DIRECTORY,
                                  DIRECTORY_ON_SAME_MOUNT);
    if (to_fd < 0)
        return FAIL_ERRNO(err, "open the copy of directory '%s'", path);
    if (pending_push(&copying->pending, PENDING_LEAVE, path, NULL, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(dir_closep) DIR *entries = fdopendir(from_fd);
    if (entries == NULL)
        return FAIL_ERRNO(err, "read directory '%s'", path);
    (void)STEAL_FD(from_fd);
    return copy_entries(copying, entries, to_fd, path, err);
}

/* A directory's own mode, ACL and times come last: files made in it would inherit the one and
 * change the other. */
static enum status leave(struct copying *copying, const char *path, struct error *err)
{
    CLEANUP(fd_closep) int from_fd = -1;
    if (open_source(copying, path, &from_fd, err) != STATUS_OK)
        return error_status(err);
    if (from_fd < 0)
        return STATUS_OK;
    CLEANUP(fd_closep)
    int to_fd = directory_open_at(copying->to_top_fd, path, O_RDONLY | O_DIRECTORY,
                                  DIRECTORY_ON_SAME_MOUNT);
    struct stat info;
    if (to_fd < 0 || fstat(from_fd, &info) != 0)
        return FAIL_ERRNO(err, "directory '%s'", path);
    if (metadata_copy(&copying->room, from_fd, to_fd, ".", &info, err) != STATUS_OK)
        return FAIL_IN(err, "directory '%s'", path);
    return STATUS_OK;
}

static enum status copy_tree(struct copying *copying, struct error *err)
{
    if (metadata_room_init(&copying->room, err) != STATUS_OK)
        return error_status(err);
    enum status status = pending_push(&copying->pending, PENDING_ENTER, ".", NULL, err);
    struct pending_item item;
    while (status == STATUS_OK && pending_pop(&copying->pending, &item)) {
        status = item.step == PENDING_ENTER ? enter(copying, item.path, err)
                                            : leave(copying, item.path, err);
        free(item.path);
    }
    return status;
}

static enum status copy(const struct timespec *planned, int source_fd, int place_fd,
                        const struct cancel *cancel, struct error *err)
{
    if (mkdirat(place_fd, PLACE_COPY, 0700) != 0)
        return FAIL_ERRNO(err, "make directory");
    CLEANUP(fd_closep)
    int to_fd =
        directory_open_at(place_fd, PLACE_COPY, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    if (to_fd < 0)
        return FAIL_ERRNO(err, "open directory");

    struct copying copying = {
        .from_top_fd = source_fd, .to_top_fd = to_fd, .cancel = cancel, .since = *planned};
    enum status status = copy_tree(&copying, err);
    pending_done(&copying.pending);
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
