#include "snapshot/tree_remove.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "pending.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Removing while reading may hide entries from the reader: a directory that is not empty when it
 * is left is entered again, but not for ever, should somebody keep filling it. */
enum { TRIES_MAX = 16 };

struct removal {
    int top_fd;
    struct pending pending;
    int tries_left;
};

static enum status remove_entry(struct removal *removal, int fd, const char *path, const char *name,
                                struct error *err)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return STATUS_OK;
    if (errno == EISDIR)
        return pending_push(&removal->pending, PENDING_ENTER, path, name, err);
    return FAIL_ERRNO(err, "remove '%s/%s'", path, name);
}

static enum status enter(struct removal *removal, const char *path, struct error *err)
{
    CLEANUP(fd_closep)
    int fd =
        directory_open_at(removal->top_fd, path, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    CLEANUP(dir_closep) DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL)
        return FAIL_ERRNO(err, "open '%s'", path);
    (void)STEAL_FD(fd);
    if (pending_push(&removal->pending, PENDING_LEAVE, path, NULL, err) != STATUS_OK)
        return error_status(err);

    const char *name;
    do {
        if (directory_next(directory, &name, err) != STATUS_OK)
            return FAIL_IN(err, "'%s'", path);
        if (name != NULL && remove_entry(removal, dirfd(directory), path, name, err) != STATUS_OK)
            return error_status(err);
    } while (name != NULL);
    return STATUS_OK;
}

static enum status leave(struct removal *removal, const char *path, struct error *err)
{
    if (strcmp(path, ".") == 0)
        return STATUS_OK;
    if (unlinkat(removal->top_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return STATUS_OK;
    if (errno == ENOTEMPTY && removal->tries_left-- > 0)
        return pending_push(&removal->pending, PENDING_ENTER, path, NULL, err);
    return FAIL_ERRNO(err, "remove directory '%s'", path);
}

enum status tree_remove_contents(int top_fd, struct error *err)
{
    struct removal removal = {.top_fd = top_fd, .tries_left = TRIES_MAX};
    enum status status = pending_push(&removal.pending, PENDING_ENTER, ".", NULL, err);
    struct pending_item item;
    while (status == STATUS_OK && pending_pop(&removal.pending, &item)) {
        status = item.step == PENDING_ENTER ? enter(&removal, item.path, err)
                                            : leave(&removal, item.path, err);
        free(item.path);
    }
    pending_done(&removal.pending);
    return status;
}

enum status tree_remove(int parent_fd, const char *name, struct error *err)
{
    CLEANUP(fd_closep)
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "open '%s'", name);
    if (tree_remove_contents(fd, err) != STATUS_OK)
        return error_status(err);
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) != 0)
        return FAIL_ERRNO(err, "remove '%s'", name);
    return STATUS_OK;
}
