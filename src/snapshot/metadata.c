#include "metadata.h"

#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

void metadata_path(int fd, const char *name, char path[METADATA_PATH_SIZE])
{
    (void)snprintf(path, METADATA_PATH_SIZE, "/proc/self/fd/%d/%s", fd, name);
}

enum status metadata_room_init(struct metadata_room *room, struct error *err)
{
    room->names = malloc(XATTR_LIST_MAX);
    room->value = malloc(XATTR_SIZE_MAX);
    if (room->names == NULL || room->value == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "room for xattrs");
    return STATUS_OK;
}

void metadata_room_done(struct metadata_room *room)
{
    free(room->names);
    free(room->value);
    *room = (struct metadata_room){.names = NULL};
}

static enum status copy_xattr(const struct metadata_room *room, const char *from, const char *to,
                              const char *xattr, struct error *err)
{
    if (strcmp(xattr, SNAPSHOT_ORIGIN_XATTR) == 0)
        return STATUS_OK;
    ssize_t len = lgetxattr(from, xattr, room->value, XATTR_SIZE_MAX);
    if (len < 0 && (errno == ENODATA || errno == ENOENT))
        return STATUS_OK; /* removed since it was listed */
    if (len < 0)
        return FAIL_ERRNO(err, "read xattr '%s'", xattr);
    if (lsetxattr(to, xattr, room->value, (size_t)len, 0) != 0)
        return FAIL_ERRNO(err, "set xattr '%s'", xattr);
    return STATUS_OK;
}

static enum status copy_xattrs(const struct metadata_room *room, int from_fd, int to_fd,
                               const char *name, struct error *err)
{
    char from[METADATA_PATH_SIZE], to[METADATA_PATH_SIZE];
    metadata_path(from_fd, name, from);
    metadata_path(to_fd, name, to);
    ssize_t len = llistxattr(from, room->names, XATTR_LIST_MAX);
    if (len < 0 && errno != ENOENT && errno != ENOTSUP)
        return FAIL_ERRNO(err, "list xattrs");
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(room->names + at) + 1)
        if (copy_xattr(room, from, to, room->names + at, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

enum status metadata_copy(const struct metadata_room *room, int from_fd, int to_fd,
                          const char *name, const struct stat *info, struct error *err)
{
    /* The order matters: chown clears set-user-id bits and capabilities (an xattr), an ACL brings
     * bits of the mode along, and each of these changes the times. */
    if (fchownat(to_fd, name, info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return FAIL_ERRNO(err, "chown");
    if (room != NULL && copy_xattrs(room, from_fd, to_fd, name, err) != STATUS_OK)
        return error_status(err);
    if (!S_ISLNK(info->st_mode) && fchmodat(to_fd, name, info->st_mode & 07777, 0) != 0)
        return FAIL_ERRNO(err, "chmod");
    struct timespec times[2] = {info->st_atim, info->st_mtim};
    if (utimensat(to_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return FAIL_ERRNO(err, "set times");
    return STATUS_OK;
}
