#include "core/file.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_STEP = 64 * 1024 };

static ssize_t read_some(int fd, void *bytes, size_t len)
{
    ssize_t got;
    do
        got = read(fd, bytes, len);
    while (got < 0 && errno == EINTR);
    return got;
}

enum status file_read_all(int fd, void *bytes, size_t max, size_t *ret_len, struct error *err)
{
    size_t len = 0;
    while (len < max) {
        ssize_t got = read_some(fd, (char *)bytes + len, max - len);
        if (got < 0)
            return FAIL_ERRNO(err, "read");
        if (got == 0)
            break;
        len += (size_t)got;
    }
    char extra;
    if (len == max && read_some(fd, &extra, 1) != 0)
        return FAIL(err, STATUS_TOO_LARGE, "more than %zu bytes", max);
    *ret_len = len;
    return STATUS_OK;
}

/* At the limit one byte more is asked for, to tell "full" from "too large". */
static enum status expect_end(int fd, const struct buffer *buffer, struct error *err)
{
    char extra;
    ssize_t got = read_some(fd, &extra, 1);
    if (got < 0)
        return FAIL_ERRNO(err, "read");
    if (got > 0)
        return FAIL(err, STATUS_TOO_LARGE, "more than %zu bytes", buffer->max);
    return STATUS_OK;
}

/* One step of at most READ_STEP; *ret_end: there is no more. */
static enum status read_step(int fd, struct buffer *buffer, bool *ret_end, struct error *err)
{
    size_t room = buffer->max - buffer->len;
    size_t step = room < READ_STEP ? room : READ_STEP;
    if (buffer_reserve(buffer, step, err) != STATUS_OK)
        return error_status(err);
    *ret_end = true;
    if (room == 0)
        return expect_end(fd, buffer, err);
    ssize_t got = read_some(fd, buffer->bytes + buffer->len, step);
    if (got < 0)
        return FAIL_ERRNO(err, "read");
    buffer->len += (size_t)got;
    buffer->bytes[buffer->len] = '\0';
    *ret_end = got == 0;
    return STATUS_OK;
}

enum status file_read(const char *path, struct buffer *buffer, struct error *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", path);
    size_t before = buffer->len;
    for (bool end = false; !end;) {
        if (read_step(fd, buffer, &end, err) == STATUS_OK)
            continue;
        buffer->len = before;
        return FAIL_IN(err, "read '%s'", path);
    }
    return STATUS_OK;
}

enum status file_write_all(int fd, const void *bytes, size_t len, struct error *err)
{
    const char *next = bytes;
    while (len > 0) {
        ssize_t written = write(fd, next, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return FAIL_ERRNO(err, "write");
        next += written;
        len -= (size_t)written;
    }
    return STATUS_OK;
}

enum status file_sync_directory_of(const char *path, struct error *err)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof(directory))
        return FAIL(err, STATUS_TOO_LARGE, "path '%s'", path);
    memcpy(directory, path, len);
    directory[len] = '\0';
    const char *name = slash == NULL ? "." : len == 0 ? "/" : directory;

    CLEANUP(fd_closep) int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return FAIL_ERRNO(err, "open directory '%s'", name);
    /* Some file systems cannot sync a directory; restic and git ignore that as well. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return FAIL_ERRNO(err, "sync directory '%s'", name);
    return STATUS_OK;
}

static enum status write_synced(const char *path, const void *bytes, size_t len, mode_t mode,
                                gid_t group, struct error *err)
{
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    CLEANUP(fd_closep) int fd = open(path, flags, mode);
    if (fd < 0)
        return FAIL_ERRNO(err, "create");
    if (file_write_all(fd, bytes, len, err) != STATUS_OK)
        return error_status(err);
    if (fchown(fd, (uid_t)-1, group) != 0)
        return FAIL_ERRNO(err, "chown");
    if (fchmod(fd, mode) != 0)
        return FAIL_ERRNO(err, "chmod");
    if (fsync(fd) != 0)
        return FAIL_ERRNO(err, "fsync");
    return STATUS_OK;
}

enum status file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
                         struct error *err)
{
    return file_replace_in_group(path, bytes, len, mode, FILE_GROUP_KEPT, err);
}

enum status file_replace_in_group(const char *path, const void *bytes, size_t len, mode_t mode,
                                  gid_t group, struct error *err)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
        return FAIL(err, STATUS_TOO_LARGE, "replace '%s': the path is too long", path);

    if (write_synced(temporary, bytes, len, mode, group, err) != STATUS_OK)
        goto fail;
    if (rename(temporary, path) != 0) {
        (void)FAIL_ERRNO(err, "rename");
        goto fail;
    }
    if (file_sync_directory_of(path, err) != STATUS_OK)
        return FAIL_IN(err, "replace '%s'", path);
    return STATUS_OK;

fail:
    (void)unlink(temporary); /* best effort: the reason is already in err */
    return FAIL_IN(err, "replace '%s'", path);
}

enum status file_remove(const char *path, struct error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return FAIL_ERRNO(err, "remove '%s'", path);
    return file_sync_directory_of(path, err);
}

static enum status make_directory(const char *path, mode_t mode, struct error *err)
{
    if (mkdir(path, mode) == 0)
        return STATUS_OK;
    struct stat info;
    if (errno == EEXIST && stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
        errno = ENOTDIR;
    else if (errno == EEXIST)
        return STATUS_OK;
    return FAIL_ERRNO(err, "make directory '%s'", path);
}

enum status file_make_directories(const char *path, mode_t mode, struct error *err)
{
    char partial[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(partial))
        return FAIL(err, STATUS_INVALID, "directory '%s': a path of 1 to %d bytes is expected",
                    path, PATH_MAX - 1);
    memcpy(partial, path, len + 1);
    for (char *slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (make_directory(partial, mode, err) != STATUS_OK)
            return error_status(err);
        *slash = '/';
    }
    return make_directory(partial, mode, err);
}
