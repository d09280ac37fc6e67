#include "restore_attributes.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PERMISSIONS = 0777, SET_IDS = S_ISUID | S_ISGID };

/* How the entry is reached: by a descriptor, or, for one that is O_PATH, by its name in /proc. */
struct handle {
    int fd;
    const char *proc; /* NULL: a real descriptor */
    bool is_link;
    struct error *lost;
};

mode_t restore_attributes_first_mode(const struct restore_attributes *attributes)
{
    bool ours = attributes->uid == geteuid() && attributes->gid == getegid();
    return ours && attributes->xattrs == 0 ? attributes->mode & PERMISSIONS : S_IRUSR | S_IWUSR;
}

static void lose(const struct handle *handle, const char *what)
{
    error_set_errno(handle->lost, errno, "%s", what);
}

static bool set_owner(const struct handle *handle, const struct restore_attributes *attributes,
                      const struct stat *info)
{
    if (info->st_uid == attributes->uid && info->st_gid == attributes->gid)
        return true;
    int result = handle->proc == NULL
                     ? fchown(handle->fd, attributes->uid, attributes->gid)
                     : fchownat(handle->fd, "", attributes->uid, attributes->gid, AT_EMPTY_PATH);
    if (result == 0)
        return true;
    lose(handle, "owner");
    return false;
}

static enum status set_xattr(void *context, const char *name, const void *value, size_t len,
                             struct error *err UNUSED)
{
    const struct handle *handle = context;
    int result = handle->proc == NULL ? fsetxattr(handle->fd, name, value, len, 0)
                                      : setxattr(handle->proc, name, value, len, 0);
    if (result != 0) {
        char what[64];
        (void)snprintf(what, sizeof(what), "extended attribute '%.30s'", name);
        lose(handle, what);
    }
    return STATUS_OK;
}

static void set_mode(const struct handle *handle, mode_t mode)
{
    int result = handle->proc == NULL ? fchmod(handle->fd, mode) : chmod(handle->proc, mode);
    if (result != 0)
        lose(handle, "mode");
}

static enum status set_times(const struct handle *handle,
                             const struct restore_attributes *attributes, struct error *err)
{
    struct timespec times[2] = {
        {.tv_sec = attributes->atime_s, .tv_nsec = attributes->atime_ns},
        {.tv_sec = attributes->mtime_s, .tv_nsec = attributes->mtime_ns},
    };
    int result = handle->proc == NULL ? futimens(handle->fd, times)
                                      : utimensat(handle->fd, "", times, AT_EMPTY_PATH);
    return result == 0 ? STATUS_OK : FAIL_ERRNO(err, "times");
}

static enum status set_all(const struct restore_tree *tree,
                           const struct restore_attributes *attributes, struct handle *handle,
                           const struct stat *info, struct error *err)
{
    mode_t mode = attributes->mode;
    if (!set_owner(handle, attributes, info))
        mode &= ~(mode_t)SET_IDS;
    if (restore_tree_each_xattr(tree, attributes, set_xattr, handle, err) != STATUS_OK)
        return err->status;
    if (!handle->is_link && (attributes->xattrs != 0 || (info->st_mode & 07777) != mode))
        set_mode(handle, mode);
    return set_times(handle, attributes, err);
}

enum status restore_attributes_set(const struct restore_tree *tree,
                                   const struct restore_attributes *attributes, int fd,
                                   struct error *ret_lost, struct error *err)
{
    struct handle handle = {.fd = fd, .lost = ret_lost};
    struct stat info;
    *ret_lost = (struct error){0};
    if (fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "fstat");
    return set_all(tree, attributes, &handle, &info, err);
}

enum status restore_attributes_set_at(const struct restore_tree *tree,
                                      const struct restore_attributes *attributes,
                                      const struct restore_special *special, struct error *ret_lost,
                                      struct error *err)
{
    char proc[32];
    struct stat info;
    *ret_lost = (struct error){0};
    CLEANUP(fd_closep)
    int fd = openat(special->directory, special->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "open");
    if ((info.st_mode & S_IFMT) != special->type)
        return FAIL(err, STATUS_CONFLICT, "somebody has put something else there");
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    struct handle handle = {
        .fd = fd, .proc = proc, .is_link = S_ISLNK(special->type), .lost = ret_lost};
    return set_all(tree, attributes, &handle, &info, err);
}

void restore_attributes_drop_inherited(int fd)
{
    /* Best effort: most file systems and most directories have none. */
    (void)fremovexattr(fd, "system.posix_acl_access");
    (void)fremovexattr(fd, "system.posix_acl_default");
}
