#include "origin.h"

#include "metadata.h"
#include "snapshot/snapshot.h"

#include <stdint.h>
#include <sys/xattr.h>

/* Written and read on the same host, within the life of a copy. */
struct origin {
    uint64_t device, inode;
    int64_t ctime_s, ctime_ns;
};

/* Above every number of XFS and btrfs, and below the largest that JSON readers agree on. */
#define INODE_OF_A_COPY ((ino_t)1 << 62)

void origin_keep(int copy_fd, const struct stat *info)
{
    struct origin origin = {
        .device = info->st_dev,
        .inode = info->st_ino,
        .ctime_s = info->st_ctim.tv_sec,
        .ctime_ns = info->st_ctim.tv_nsec,
    };
    (void)fsetxattr(copy_fd, SNAPSHOT_ORIGIN_XATTR, &origin, sizeof(origin), 0);
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
