#include "core/file_id.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { NS_PER_S = 1000000000 };

static bool look_at(int fd, struct statx *ret_info)
{
    return statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, ret_info) == 0;
}

static struct file_id id_of(const struct statx *info)
{
    struct file_id id = {.inode = info->stx_ino};
    const int64_t end_s = INT64_MAX / NS_PER_S; /* some file systems tell nonsense */
    if ((info->stx_mask & STATX_BTIME) != 0 && info->stx_btime.tv_sec > -end_s &&
        info->stx_btime.tv_sec < end_s)
        id.born_ns = info->stx_btime.tv_sec * NS_PER_S + info->stx_btime.tv_nsec;
    return id;
}

enum status file_id_read(int fd, struct file_id *ret_id, struct error *err)
{
    struct statx info;
    if (!look_at(fd, &info))
        return FAIL_ERRNO(err, "statx");
    *ret_id = id_of(&info);
    return STATUS_OK;
}

bool file_id_is_of(const struct file_id *id, int parent, int fd)
{
    struct statx around, info;
    if (id->inode == 0 || !look_at(parent, &around) || !look_at(fd, &info))
        return false;
    struct file_id now = id_of(&info);
    bool same_birth = id->born_ns == 0 || now.born_ns == 0 || now.born_ns == id->born_ns;
    return now.inode == id->inode && same_birth && info.stx_dev_major == around.stx_dev_major &&
           info.stx_dev_minor == around.stx_dev_minor;
}
