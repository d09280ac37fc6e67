#include "core/look.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

static void set_info(const struct statx *from, struct stat *ret_info)
{
    *ret_info = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = {.tv_sec = from->stx_atime.tv_sec, .tv_nsec = from->stx_atime.tv_nsec},
        .st_mtim = {.tv_sec = from->stx_mtime.tv_sec, .tv_nsec = from->stx_mtime.tv_nsec},
        .st_ctim = {.tv_sec = from->stx_ctime.tv_sec, .tv_nsec = from->stx_ctime.tv_nsec},
    };
}

int look_at(int directory, const char *name, struct stat *ret_info, struct look *ret_look)
{
    struct statx info;
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (statx(directory, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, &info) != 0)
        return -1;
    set_info(&info, ret_info);
    ret_look->is_mount = (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    ret_look->mount = info.stx_mnt_id;
    return 0;
}
