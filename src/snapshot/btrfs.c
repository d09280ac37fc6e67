#include "core/cleanup.h"
#include "driver.h"
#include "place.h"
#include "snapshot/snapshot.h"

#include <btrfsutil.h>

#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

static enum status fail_btrfs(enum btrfs_util_error cause, const char *what, struct error *err)
{
    int saved = errno;
    if (saved == 0)
        return FAIL(err, STATUS_INTERNAL, "%s: %s", what, btrfs_util_strerror(cause));
    errno = saved;
    return FAIL_ERRNO(err, "%s: %s", what, btrfs_util_strerror(cause));
}

/* Goes up from the volume until a directory is the root of a subvolume, within the mount. */
static enum status find_subvolume(const char *volume, char source[PATH_MAX], struct error *err)
{
    (void)snprintf(source, PATH_MAX, "%s", volume);
    for (;;) {
        CLEANUP(fd_closep) int fd = -1;
        if (place_open_directory(source, &fd, err) != STATUS_OK)
            return err->status;
        if (btrfs_util_is_subvolume_fd(fd) == BTRFS_UTIL_OK)
            return STATUS_OK;
        bool goes_on;
        if (place_has_room_beside(source, &goes_on, err) != STATUS_OK)
            return err->status;
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

static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return len == 0 || (strncmp(path, directory, len) == 0 && path[len] == '/');
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
        if (is_below(path, volume) && !is_in_a_place(path)) {
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
    if (place_open_directory(source, &fd, err) != STATUS_OK)
        return err->status;
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
    if (place_open_directory(volume, &fd, err) != STATUS_OK)
        return err->status;
    struct statfs info;
    if (fstatfs(fd, &info) != 0)
        return FAIL_ERRNO(err, "statfs");
    if (info.f_type != BTRFS_SUPER_MAGIC)
        return FAIL(err, STATUS_UNSUPPORTED, "its file system is not btrfs");
    if (find_subvolume(volume, source, err) != STATUS_OK)
        return err->status;
    return check_nested(volume, source, err);
}

static enum status copy(const struct snapshot_plan *plan UNUSED, int source_fd, int place_fd,
                        const struct cancel *cancel, struct error *err)
{
    (void)cancel; /* it takes no longer than to write out what is dirty */
    errno = 0;
    enum btrfs_util_error cause = btrfs_util_create_snapshot_fd2(
        source_fd, place_fd, PLACE_COPY, BTRFS_UTIL_CREATE_SNAPSHOT_READ_ONLY, NULL, NULL);
    return cause == BTRFS_UTIL_OK ? STATUS_OK : fail_btrfs(cause, "snapshot", err);
}

const struct driver btrfs_driver = {.find_source = find_source, .copy = copy};
