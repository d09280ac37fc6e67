#include "place.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "snapshot/place_name.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

void place_directory_of(const char *path, char directory[PATH_MAX])
{
    (void)snprintf(directory, PATH_MAX, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash != NULL)
        slash[slash == directory ? 1 : 0] = '\0';
}

static enum status mount_of(const char *directory, uint64_t *ret_mount, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (directory_open(directory, &fd, err) != STATUS_OK)
        return error_status(err);
    struct statx info;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) != 0)
        return FAIL_ERRNO(err, "statx '%s'", directory);
    if ((info.stx_mask & STATX_MNT_ID) == 0)
        return FAIL(err, STATUS_UNSUPPORTED, "this kernel does not tell mounts apart");
    *ret_mount = info.stx_mnt_id;
    return STATUS_OK;
}

enum status place_has_room_beside(const char *directory, bool *ret_room, struct error *err)
{
    char above[PATH_MAX];
    uint64_t mount, mount_above;
    place_directory_of(directory, above);
    if (mount_of(directory, &mount, err) != STATUS_OK ||
        mount_of(above, &mount_above, err) != STATUS_OK)
        return error_status(err);
    *ret_room = mount == mount_above && strcmp(directory, "/") != 0;
    return STATUS_OK;
}

enum status place_choose(const char *source, const char *id, char root[PATH_MAX], struct error *err)
{
    bool beside;
    if (place_has_room_beside(source, &beside, err) != STATUS_OK)
        return error_status(err);
    char directory[PATH_MAX];
    (void)snprintf(directory, sizeof(directory), "%s", source);
    if (beside)
        place_directory_of(source, directory);
    const char *base = strcmp(directory, "/") == 0 ? "" : directory;
    if (snprintf(root, PATH_MAX, "%s/" SNAPSHOT_PLACE_PREFIX "%s", base, id) >= PATH_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "the path of a snapshot of '%s'", source);
    if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0)
        return FAIL_ERRNO(err, "make a directory in '%s'", directory);
    return STATUS_OK;
}

/* The directory around a place, and the name of the place in it. */
static enum status open_around(const char *root, int *ret_fd, const char **ret_name,
                               struct error *err)
{
    const char *slash = strrchr(root, '/');
    if (slash == NULL || !snapshot_is_ours(slash + 1))
        return FAIL(err, STATUS_INVALID, "'%s' is not the place of a snapshot", root);
    char around[PATH_MAX];
    place_directory_of(root, around);
    if (directory_open(around, ret_fd, err) != STATUS_OK)
        return error_status(err);
    *ret_name = slash + 1;
    return STATUS_OK;
}

/* A backup must not change what it backs up, and the directory around may be the volume itself. */
static void put_mtime_back(int fd, const struct stat *before)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before->st_mtim};
    (void)futimens(fd, times); /* best effort: not ours, perhaps */
}

/* A default ACL of the directory around would open the place, and reach the files in it. */
static enum status seal(int fd, struct error *err)
{
    static const char *const inherited[] = {"system.posix_acl_access", "system.posix_acl_default"};
    for (size_t i = 0; i < 2; i++)
        if (fremovexattr(fd, inherited[i]) != 0 && errno != ENODATA && errno != ENOTSUP)
            return FAIL_ERRNO(err, "remove %s", inherited[i]);
    if (fchmod(fd, 0700) != 0)
        return FAIL_ERRNO(err, "chmod");
    return STATUS_OK;
}

static enum status put_mark(int fd, const char *name, struct error *err)
{
    CLEANUP(fd_closep)
    int mark = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return mark >= 0 ? STATUS_OK : FAIL_ERRNO(err, "mark it");
}

enum status place_make(const char *root, int *ret_fd, struct error *err)
{
    CLEANUP(fd_closep) int around_fd = -1;
    const char *name;
    struct stat before;
    if (open_around(root, &around_fd, &name, err) != STATUS_OK)
        return error_status(err);
    if (fstat(around_fd, &before) != 0 || mkdirat(around_fd, name, 0700) != 0)
        return FAIL_ERRNO(err, "make '%s'", root);
    put_mtime_back(around_fd, &before);

    CLEANUP(fd_closep) int fd = openat(around_fd, name, DIRECTORY_FLAGS | O_NOFOLLOW);
    if (fd < 0)
        (void)FAIL_ERRNO(err, "open '%s'", root);
    else if (seal(fd, err) == STATUS_OK && put_mark(fd, name, err) == STATUS_OK) {
        *ret_fd = STEAL_FD(fd);
        return STATUS_OK;
    }
    (void)unlinkat(around_fd, name, AT_REMOVEDIR);
    return FAIL_IN(err, "make '%s'", root);
}

/* What bears the name of a place need not be one: whoever owns the directory around can rename. */
static enum status open_place(int around_fd, const char *name, int *ret_fd, struct error *err)
{
    CLEANUP(fd_closep) int fd = openat(around_fd, name, DIRECTORY_FLAGS | O_NOFOLLOW);
    if (fd < 0 && errno != ENOTDIR && errno != ELOOP)
        return FAIL_ERRNO(err, "open");
    struct stat info = {.st_uid = (uid_t)-1};
    if (fd >= 0 && fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "fstat");
    if (info.st_uid != geteuid() || (info.st_mode & 07777) != 0700)
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_FOREIGN_PLACE,
                           "it is not what was made here: left alone");
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

/* Its own mark, and an empty one that a crash has left without, say that it is ours. */
static enum status empty_place(int place_fd, const char *name, bool unmarked, place_empty_fn *empty,
                               struct error *err)
{
    bool filled = true;
    bool marked = faccessat(place_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!marked && !unmarked &&
        (directory_has_more(place_fd, NULL, &filled, err) != STATUS_OK || filled))
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_FOREIGN_PLACE,
                           "it is not what was made here: left alone");
    if (empty(place_fd, err) != STATUS_OK)
        return error_status(err);
    if (marked && unlinkat(place_fd, name, 0) != 0)
        return FAIL_ERRNO(err, "remove its mark");
    return STATUS_OK;
}

static enum status remove_in(int around_fd, const char *name, bool unmarked, place_empty_fn *empty,
                             struct error *err)
{
    CLEANUP(fd_closep) int place_fd = -1;
    if (open_place(around_fd, name, &place_fd, err) != STATUS_OK ||
        empty_place(place_fd, name, unmarked, empty, err) != STATUS_OK)
        return error_status(err);

    struct stat before;
    if (fstat(around_fd, &before) != 0 || unlinkat(around_fd, name, AT_REMOVEDIR) != 0)
        return FAIL_ERRNO(err, "remove directory");
    put_mtime_back(around_fd, &before);
    return STATUS_OK;
}

enum status place_remove(const char *root, bool unmarked, place_empty_fn *empty, struct error *err)
{
    CLEANUP(fd_closep) int around_fd = -1;
    const char *name = NULL;
    enum status status = open_around(root, &around_fd, &name, err);
    if (status == STATUS_OK)
        status = remove_in(around_fd, name, unmarked, empty, err);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND)
        return STATUS_OK;
    return FAIL_IN(err, "remove snapshot '%s'", root);
}
