#include "settled.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

enum {
    TICK_MS = 20,
    COARSE_MS = 2000,
    UNSEEN_LEAST_MS = 10 * 1000,
    UNSEEN_MOST_MS = 10 * 60 * 1000,
    UNSEEN_DEFAULT_MS = 60 * 1000,
    WRITING_OUT_MS = 5 * 1000 /* what is due takes its time */
};

/* -1: it cannot be read. */
static int64_t read_centisecs(const char *path)
{
    char text[32] = "";
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return -1;
    return strtol(text, NULL, 10);
}

int64_t settled_unseen_ms(int directory)
{
    struct statfs info;
    int64_t expire = read_centisecs("/proc/sys/vm/dirty_expire_centisecs");
    int64_t turn = read_centisecs("/proc/sys/vm/dirty_writeback_centisecs");
    if (fstatfs(directory, &info) == 0 && info.f_type == TMPFS_MAGIC)
        return INT64_MAX;
    if (expire < 0 || turn < 0)
        return UNSEEN_DEFAULT_MS;
    if (turn == 0 || expire > UNSEEN_MOST_MS / 10 || turn > UNSEEN_MOST_MS / 10)
        return UNSEEN_MOST_MS; /* seldom, or only on demand */
    int64_t unseen_ms = (expire + turn) * 10 + WRITING_OUT_MS;
    return unseen_ms < UNSEEN_LEAST_MS ? UNSEEN_LEAST_MS : unseen_ms;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

bool settled_is(const struct settled *settled, const struct stat *info)
{
    bool is_coarse = info->st_mtim.tv_nsec == 0 && info->st_ctim.tv_nsec == 0;
    int64_t margin_ms = is_coarse ? COARSE_MS : TICK_MS;
    if (settled->unseen_ms == INT64_MAX)
        return false;
    if (settled->unseen_ms > margin_ms)
        margin_ms = settled->unseen_ms;
    struct timespec limit = settled->began;
    limit.tv_sec -= margin_ms / 1000;
    limit.tv_nsec -= margin_ms % 1000 * 1000000;
    if (limit.tv_nsec < 0) {
        limit.tv_nsec += 1000000000;
        limit.tv_sec--;
    }
    bool is_written_late =
        !is_before(&info->st_mtim, &limit) && is_before(&info->st_mtim, &settled->now);
    return is_before(&info->st_ctim, &limit) && !is_written_late;
}
