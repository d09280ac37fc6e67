#include "trusted.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

static enum status check(int fd, mode_t type, const char *path, struct error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "%s", path);
    if ((info.st_mode & S_IFMT) != type)
        return FAIL(err, STATUS_INVALID, "%s: a %s is expected", path,
                    type == S_IFDIR ? "directory" : "regular file");
    bool owner_is_fine = info.st_uid == 0 || info.st_uid == geteuid();
    if (!owner_is_fine)
        return FAIL(err, STATUS_FORBIDDEN, "%s: it must belong to root or to us, not to user %u",
                    path, (unsigned)info.st_uid);
    if ((info.st_mode & 0022) != 0)
        return FAIL(err, STATUS_FORBIDDEN, "%s: others may write to it (mode %04o): chmod go-w it",
                    path, (unsigned)(info.st_mode & 07777));
    return STATUS_OK;
}

enum status trusted_open(int directory, const char *name, mode_t type, const char *path,
                         int *ret_fd, struct error *err)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (directory == AT_FDCWD ? 0 : O_NOFOLLOW);
    CLEANUP(fd_closep) int fd = openat(directory, name, flags);
    if (fd < 0 && errno == ELOOP)
        return FAIL(err, STATUS_FORBIDDEN, "%s: symbolic links are not followed", path);
    if (fd < 0)
        return FAIL_ERRNO(err, "%s: open", path);
    if (check(fd, type, path, err) != STATUS_OK)
        return error_status(err);
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}
