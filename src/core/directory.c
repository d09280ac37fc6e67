#include "core/directory.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int directory_open_at(int top_fd, const char *path, int flags, enum directory_bounds bounds)
{
    static const uint64_t resolve[] = {
        [DIRECTORY_ANYWHERE] = RESOLVE_NO_SYMLINKS,
        [DIRECTORY_BELOW] = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
        [DIRECTORY_ON_SAME_MOUNT] = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_NO_XDEV,
    };
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = resolve[bounds],
    };
    return (int)syscall(SYS_openat2, top_fd, path, &how, sizeof(how));
}

enum status directory_open(const char *path, int *ret_fd, struct error *err)
{
    if (path[0] != '/')
        return FAIL(err, STATUS_INVALID, "'%s' is not an absolute path", path);
    int fd = directory_open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, DIRECTORY_ANYWHERE);
    if (fd >= 0) {
        *ret_fd = fd;
        return STATUS_OK;
    }
    if (errno == ENOTDIR)
        return FAIL(err, STATUS_INVALID, "'%s' is not a directory", path);
    if (errno != ELOOP)
        return FAIL_ERRNO(err, "directory '%s'", path);

    CLEANUP(freep) char *real = realpath(path, NULL);
    return FAIL_REASON(err, STATUS_INVALID, REASON_SYMBOLIC_LINK,
                       "'%s' goes through a symbolic link, which others could change: name its "
                       "real path '%s'",
                       path, real == NULL ? "?" : real);
}

enum status directory_next(DIR *entries, const char **ret_name, struct error *err)
{
    const struct dirent *entry;
    do {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; readdir_r is the deprecated one, see readdir(3) */
        entry = readdir(entries);
    } while (entry != NULL &&
             (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    if (entry == NULL && errno != 0)
        return FAIL_ERRNO(err, "read directory");
    *ret_name = entry == NULL ? NULL : entry->d_name;
    return STATUS_OK;
}

enum status directory_has_more(int fd, const char *besides, bool *ret_more, struct error *err)
{
    CLEANUP(fd_closep) int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(dir_closep) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (entries == NULL)
        return FAIL_ERRNO(err, "read directory");
    (void)STEAL_FD(copy);
    const char *name = NULL;
    do {
        if (directory_next(entries, &name, err) != STATUS_OK)
            return error_status(err);
    } while (name != NULL && besides != NULL && strcmp(name, besides) == 0);
    *ret_more = name != NULL;
    return STATUS_OK;
}

bool directory_open_up(int fd)
{
    char proc[32];
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() ||
        (info.st_mode & S_IRWXU) == S_IRWXU)
        return false;
    /* The way for an O_PATH descriptor: it leads to just this directory. */
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    return chmod(proc, (info.st_mode & 07777) | S_IRWXU) == 0;
}

static uint64_t fixed_flags(int fd, const char *name)
{
    struct statx info;
    int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    bool known = statx(fd, name, flags, STATX_TYPE, &info) == 0;
    return known ? info.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND) : 0;
}

const char *directory_why_fixed(int fd, const char *name, int error_number)
{
    if (error_number != EPERM && error_number != EACCES)
        return NULL;
    uint64_t flags = fixed_flags(fd, name);
    if ((flags & STATX_ATTR_IMMUTABLE) != 0)
        return "immutable, see chattr(1)";
    if (flags != 0)
        return "append-only, see chattr(1)";
    return fixed_flags(fd, "") == 0 ? NULL
                                    : "its directory is immutable or append-only, see chattr(1)";
}
