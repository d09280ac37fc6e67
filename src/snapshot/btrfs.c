#include "core/cleanup.h"
#include "core/directory.h"
#include "core/path.h"
#include "driver.h"
#include "place.h"
#include "snapshot/place_name.h"
#include "snapshot/tree_remove.h"

#include <btrfsutil.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

static enum status fail_btrfs(enum btrfs_util_error cause, const char *what, struct error *err)
{
    int saved = errno;
    if (saved == 0)
        return FAIL(err, STATUS_INTERNAL, "%s: %s", what, btrfs_util_strerror(cause));
    if (saved == ETXTBSY) {
        return FAIL(
            err, STATUS_UNSUPPORTED,
            "%s: a file in it is in use as swap: use auto or reflink, which copy the others", what);
    }
    errno = saved;
    return FAIL_ERRNO(err, "%s: %s", what, btrfs_util_strerror(cause));
}

/* Goes up from the volume until a directory is the root of a subvolume, within the mount. */
static enum status find_subvolume(const char *volume, char source[PATH_MAX], struct error *err)
{
    (void)snprintf(source, PATH_MAX, "%s", volume);
    for (;;) {
        CLEANUP(fd_closep) int fd = -1;
        if (directory_open(source, &fd, err) != STATUS_OK)
            return error_status(err);
        if (btrfs_util_is_subvolume_fd(fd) == BTRFS_UTIL_OK)
            return STATUS_OK;
        bool goes_on;
        if (place_has_room_beside(source, &goes_on, err) != STATUS_OK)
            return error_status(err);
        if (!goes_on)
            return FAIL(err, STATUS_UNSUPPORTED, "the subvolume of '%s' is not mounted as a whole",
                        volume);
        char above[PATH_MAX];
        place_directory_of(source, above);
        memcpy(source, above, sizeof(above));
    }
}

/* Does the path, relative to the subvolume, hold one of our own snapshots? */
static bool is_in_a_place(const char *path)
{
    char name[NAME_MAX + 1];
    while (*path != '\0') {
        size_t len = strcspn(path, "/");
        if (len < sizeof(name)) {
            memcpy(name, path, len);
            name[len] = '\0';
            if (snapshot_is_ours(name))
                return true;
        }
        path += len + (path[len] == '/');
    }
    return false;
}

/* volume: relative to the subvolume, "" if it is the subvolume. */
static enum status refuse_nested(struct btrfs_util_subvolume_iterator *iterator, const char *volume,
                                 struct error *err)
{
    for (;;) {
        CLEANUP(freep) char *path = NULL;
        enum btrfs_util_error cause = btrfs_util_subvolume_iterator_next(iterator, &path, NULL);
        if (cause == BTRFS_UTIL_ERROR_STOP_ITERATION)
            return STATUS_OK;
        if (cause != BTRFS_UTIL_OK)
            return fail_btrfs(cause, "list the subvolumes", err);
        bool in_volume = *volume == '\0' || path_is_inside(path, volume);
        if (in_volume && !is_in_a_place(path)) {
            return FAIL_REASON(err, STATUS_UNSUPPORTED, REASON_NESTED_SUBVOLUME,
                               "the subvolume '%s' in it would be left out: use auto or reflink, "
                               "which copy it as well",
                               path);
        }
    }
}

static enum status check_nested(const char *volume, const char *source, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (directory_open(source, &fd, err) != STATUS_OK)
        return error_status(err);
    struct btrfs_util_subvolume_iterator *iterator = NULL;
    errno = 0;
    enum btrfs_util_error cause = btrfs_util_create_subvolume_iterator_fd(fd, 0, 0, &iterator);
    if (cause != BTRFS_UTIL_OK)
        return fail_btrfs(cause, "list the subvolumes", err);
    const char *below = volume + strlen(source);
    enum status status = refuse_nested(iterator, *below == '/' ? below + 1 : below, err);
    btrfs_util_destroy_subvolume_iterator(iterator);
    return status;
}

static enum status find_source(const char *volume, char source[PATH_MAX], struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (directory_open(volume, &fd, err) != STATUS_OK)
        return error_status(err);
    struct statfs info;
    if (fstatfs(fd, &info) != 0)
        return FAIL_ERRNO(err, "statfs");
    if (info.f_type != BTRFS_SUPER_MAGIC)
        return FAIL(err, STATUS_UNSUPPORTED, "its file system is not btrfs");
    if (find_subvolume(volume, source, err) != STATUS_OK)
        return error_status(err);
    return check_nested(volume, source, err);
}

/* It takes no longer than to write out what is dirty. */
static enum status copy(const struct copy_order *order, const struct cancel *cancel UNUSED,
                        struct gaps *gaps UNUSED, struct error *err)
{
    errno = 0;
    enum btrfs_util_error cause =
        btrfs_util_create_snapshot_fd2(order->source_fd, order->place_fd, PLACE_COPY,
                                       BTRFS_UTIL_CREATE_SNAPSHOT_READ_ONLY, NULL, NULL);
    return cause == BTRFS_UTIL_OK ? STATUS_OK : fail_btrfs(cause, "snapshot", err);
}

static enum status remove_copy(int place_fd, struct error *err)
{
    CLEANUP(fd_closep)
    int fd = openat(place_fd, PLACE_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "open '%s'", PLACE_COPY);
    if (btrfs_util_is_subvolume_fd(fd) != BTRFS_UTIL_OK)
        return tree_remove(place_fd, PLACE_COPY, err);
    errno = 0;
    enum btrfs_util_error cause = btrfs_util_delete_subvolume_fd(place_fd, PLACE_COPY, 0);
    return cause == BTRFS_UTIL_OK ? STATUS_OK : fail_btrfs(cause, "delete the subvolume", err);
}

const struct driver btrfs_driver = {
    .find_source = find_source,
    .copy = copy,
    .remove = remove_copy,
    .shows_under_mounts = true,
};
