#include "clone.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "core/file.h"
#include "metadata.h"
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

/* Written and read on the same host, within the life of a copy. */
struct origin {
    uint64_t device, inode;
    int64_t ctime_s, ctime_ns;
};

/* Above every number of XFS and btrfs, and below the largest that JSON readers agree on. */
#define INODE_OF_A_COPY ((ino_t)1 << 62)

/* info: what the source was like, which the copy is known to be a clone of. That it cannot be kept
 * (only CAP_SYS_ADMIN may) is as if it was not known: no failure. */
static void origin_keep(int copy_fd, const struct stat *info)
{
    struct origin origin = {
        .device = info->st_dev,
        .inode = info->st_ino,
        .ctime_s = info->st_ctim.tv_sec,
        .ctime_ns = info->st_ctim.tv_nsec,
    };
    (void)fsetxattr(copy_fd, SNAPSHOT_ORIGIN_XATTR, &origin, sizeof(origin), 0);
}

/* -1: it is no regular file any more. */
static int open_source(int from_fd, const char *name, struct patience *patience,
                       struct stat *ret_info)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    int fd = patient_openat(from_fd, name, flags | O_NOATIME, patience);
    if (fd < 0 && errno == EPERM) /* only root and the owner may leave the atime alone */
        fd = patient_openat(from_fd, name, flags, patience);
    if (fd < 0 || (fstat(fd, ret_info) == 0 && S_ISREG(ret_info->st_mode)))
        return fd;
    (void)close(fd);
    errno = ENOENT;
    return -1;
}

/* btrfs clones a file without copy-on-write (chattr +C, as databases have it) only into another
 * such one, and a file can become one only while it is empty. */
static void copy_no_cow(int source_fd, int copy_fd)
{
    unsigned flags = 0, own = 0;
    if (ioctl(source_fd, FS_IOC_GETFLAGS, &flags) != 0 || (flags & FS_NOCOW_FL) == 0)
        return;
    if (ioctl(copy_fd, FS_IOC_GETFLAGS, &own) != 0)
        return;
    own |= FS_NOCOW_FL;
    (void)ioctl(copy_fd, FS_IOC_SETFLAGS, &own); /* if it cannot, the clone says so */
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* Does the stat from before the clone say which content it has? Not for certain if the file was
 * changed meanwhile, nor if it was changed so lately that another change may bear the same ctime:
 * the kernel's clock ticks in milliseconds. Nor is a number that was freed and given to another
 * file meanwhile taken for the same one: that is as new. */
static bool is_known(int source_fd, const struct stat *before, const struct timespec *since)
{
    struct stat after;
    return fstat(source_fd, &after) == 0 && after.st_size == before->st_size &&
           after.st_ctim.tv_sec == before->st_ctim.tv_sec &&
           after.st_ctim.tv_nsec == before->st_ctim.tv_nsec && is_before(after.st_ctim, *since);
}

enum status clone_file(int from_fd, int to_fd, const char *name, struct clone_terms *terms,
                       struct stat *ret_info, struct error *err)
{
    struct stat info;
    CLEANUP(fd_closep) int source_fd = open_source(from_fd, name, &terms->patience, &info);
    if (source_fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO)) {
        *ret_info = (struct stat){0};
        return STATUS_OK;
    }
    if (source_fd < 0)
        return FAIL_ERRNO(err, "open");
    CLEANUP(fd_closep)
    int copy_fd = openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (copy_fd < 0)
        return FAIL_ERRNO(err, "create its copy");
    copy_no_cow(source_fd, copy_fd);
    if (ioctl(copy_fd, FICLONE, source_fd) != 0)
        return FAIL_ERRNO(err, "clone");
    if (is_known(source_fd, &info, &terms->since))
        origin_keep(copy_fd, &info);
    *ret_info = info;
    return STATUS_OK;
}

static int open_nameless(int directory_fd)
{
    return openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

enum status clone_try(const char *directory, struct error *err)
{
    CLEANUP(fd_closep) int directory_fd = -1;
    if (directory_open(directory, &directory_fd, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(fd_closep) int source_fd = open_nameless(directory_fd);
    CLEANUP(fd_closep) int copy_fd = open_nameless(directory_fd);
    if (source_fd < 0 || copy_fd < 0)
        return FAIL_ERRNO(err, "try to clone a file in '%s'", directory);

    static const char block[4096] = "clone";
    if (file_write_all(source_fd, block, sizeof(block), err) != STATUS_OK)
        return FAIL_IN(err, "try to clone a file in '%s'", directory);
    if (ioctl(copy_fd, FICLONE, source_fd) == 0)
        return STATUS_OK;
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL || errno == EXDEV)
        return FAIL(err, STATUS_UNSUPPORTED, "its file system cannot clone files (FICLONE)");
    return FAIL_ERRNO(err, "try to clone a file in '%s'", directory);
}

void snapshot_find_origin(int directory_fd, const char *name, struct stat *info)
{
    char path[METADATA_PATH_SIZE];
    struct origin origin;
    metadata_path(directory_fd, name, path);
    if (lgetxattr(path, SNAPSHOT_ORIGIN_XATTR, &origin, sizeof(origin)) != sizeof(origin)) {
        info->st_ino |= INODE_OF_A_COPY;
        return;
    }
    info->st_dev = (dev_t)origin.device;
    info->st_ino = (ino_t)origin.inode;
    info->st_ctim =
        (struct timespec){.tv_sec = (time_t)origin.ctime_s, .tv_nsec = (long)origin.ctime_ns};
}
