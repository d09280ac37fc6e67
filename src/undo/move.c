#include "move.h"

#include "core/cleanup.h"
#include "core/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

/* A directory that was opened for a while. */
struct opened {
    int fd;
    mode_t mode;
    bool changed;
};

static struct opened open_up(int fd)
{
    struct stat info;
    struct opened opened = {.fd = fd};
    if (fd < 0 || fstat(fd, &info) != 0)
        return opened;
    opened.mode = info.st_mode & 07777;
    opened.changed = directory_open_up(fd);
    return opened;
}

/* Best effort: what it holds counts. */
static void close_again(const struct opened *opened)
{
    char proc[32];
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", opened->fd);
    if (opened->changed)
        (void)chmod(proc, opened->mode);
}

int move_entry(int from, const char *name, int to, const char *new_name)
{
    int result = renameat2(from, name, to, new_name, RENAME_NOREPLACE);
    if (result == 0 || errno != EACCES)
        return result;
    CLEANUP(fd_closep) int fd = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct opened opened[] = {open_up(from), open_up(to), open_up(fd)};
    result = renameat2(from, name, to, new_name, RENAME_NOREPLACE);
    int error_number = errno;
    for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++)
        close_again(&opened[i]);
    errno = error_number;
    return result;
}
