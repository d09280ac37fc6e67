#include "core/directory.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
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
