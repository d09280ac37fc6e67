#include "files/attributes_set.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PERMISSIONS = 0777, SET_IDS = S_ISUID | S_ISGID };

enum { LIST_STEP = 1024, NAMES_BYTES_MAX = 1 << 20 };

/* How the entry is reached: by a descriptor, or, for one that is O_PATH, by its name in /proc. */
struct handle {
    int fd;
    const char *proc; /* NULL: a real descriptor */
    bool is_link;
    struct error *lost;
};

void xattr_list_init(struct buffer *list)
{
    buffer_init(list, UINT32_MAX - 1);
}

static enum status add_number(struct buffer *buffer, size_t number, struct error *err)
{
    uint32_t bytes = (uint32_t)number;
    if (number > UINT32_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "an extended attribute of %zu bytes", number);
    return buffer_add(buffer, &bytes, sizeof(bytes), err);
}

/* count, then length of name, length of value, name with NUL, value of each */
static enum status add_xattrs(struct buffer *to, const struct tree_node *node, uint32_t *ret_xattrs,
                              struct error *err)
{
    size_t at = to->len;
    if (add_number(to, node->xattr_count, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < node->xattr_count; i++) {
        const struct tree_node_xattr *xattr = &node->xattrs[i];
        size_t name_bytes = strlen(xattr->name) + 1;
        if (add_number(to, name_bytes, err) != STATUS_OK ||
            add_number(to, xattr->value_len, err) != STATUS_OK ||
            buffer_add(to, xattr->name, name_bytes, err) != STATUS_OK ||
            buffer_add(to, xattr->value, xattr->value_len, err) != STATUS_OK)
            return FAIL_IN(err, "extended attributes");
    }
    *ret_xattrs = (uint32_t)at + 1;
    return STATUS_OK;
}

static uint32_t take_number(const unsigned char **at)
{
    uint32_t number = 0;
    memcpy(&number, *at, sizeof(number));
    *at += sizeof(number);
    return number;
}

enum status plain_attributes_from_node(const struct tree_node *node, struct buffer *list,
                                       struct plain_attributes *ret_attributes, struct error *err)
{
    struct plain_attributes attributes = {
        .mtime_s = node->mtime.tv_sec,
        .atime_s = node->atime.tv_sec,
        .mtime_ns = (uint32_t)node->mtime.tv_nsec,
        .atime_ns = (uint32_t)node->atime.tv_nsec,
        .mode = node->mode,
        .uid = node->uid,
        .gid = node->gid,
    };
    if (node->xattr_count > 0 && add_xattrs(list, node, &attributes.xattrs, err) != STATUS_OK)
        return error_status(err);
    *ret_attributes = attributes;
    return STATUS_OK;
}

mode_t attributes_first_mode(const struct plain_attributes *attributes)
{
    bool ours = attributes->uid == geteuid() && attributes->gid == getegid();
    return ours && attributes->xattrs == 0 ? attributes->mode & PERMISSIONS : S_IRUSR | S_IWUSR;
}

static void lose(const struct handle *handle, const char *what)
{
    error_set_errno(handle->lost, errno, "%s", what);
}

static bool set_owner(const struct handle *handle, const struct plain_attributes *attributes,
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

static void set_xattr(const struct handle *handle, const char *name, const void *value, size_t len)
{
    int result = handle->proc == NULL ? fsetxattr(handle->fd, name, value, len, 0)
                                      : setxattr(handle->proc, name, value, len, 0);
    if (result == 0)
        return;
    char what[64];
    (void)snprintf(what, sizeof(what), "extended attribute '%.30s'", name);
    lose(handle, what);
}

static void set_xattrs(const struct handle *handle, const struct plain_attributes *attributes,
                       const struct buffer *list)
{
    if (attributes->xattrs == 0)
        return;
    const unsigned char *at = list->bytes + attributes->xattrs - 1;
    for (uint32_t left = take_number(&at); left > 0; left--) {
        uint32_t name_bytes = take_number(&at);
        uint32_t len = take_number(&at);
        set_xattr(handle, (const char *)at, at + name_bytes, len);
        at += name_bytes + len;
    }
}

/* --- what is not to be there --- */

static bool starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Other names of system.* are views of what has another place. */
static bool is_files_own(const char *name)
{
    return starts_with(name, "user.") || starts_with(name, "system.posix_acl_") ||
           strcmp(name, "security.capability") == 0 ||
           (starts_with(name, "trusted.") && !starts_with(name, "trusted.overlay."));
}

static bool is_wanted(const struct plain_attributes *attributes, const struct buffer *list,
                      const char *wanted)
{
    if (attributes->xattrs == 0)
        return false;
    const unsigned char *at = list->bytes + attributes->xattrs - 1;
    for (uint32_t left = take_number(&at); left > 0; left--) {
        uint32_t name_bytes = take_number(&at);
        uint32_t len = take_number(&at);
        if (strcmp((const char *)at, wanted) == 0)
            return true;
        at += name_bytes + len;
    }
    return false;
}

static enum status list_names(int fd, struct buffer *names, struct error *err)
{
    for (size_t room = LIST_STEP;; room *= 8) {
        if (buffer_reserve(names, room, err) != STATUS_OK)
            return FAIL_IN(err, "extended attributes");
        ssize_t len = flistxattr(fd, (char *)names->bytes, room);
        if (len >= 0 || errno == ENOTSUP) {
            names->len = len < 0 ? 0 : (size_t)len;
            return STATUS_OK;
        }
        if (errno != ERANGE)
            return FAIL_ERRNO(err, "list extended attributes");
    }
}

static enum status remove_others(const struct plain_attributes *attributes,
                                 const struct buffer *list, int fd, struct error *lost,
                                 struct error *err)
{
    CLEANUP(buffer_done) struct buffer names;
    buffer_init(&names, NAMES_BYTES_MAX);
    if (list_names(fd, &names, err) != STATUS_OK)
        return error_status(err);
    const char *name = (const char *)names.bytes;
    for (const char *end = name + names.len; name < end; name += strlen(name) + 1) {
        if (!is_files_own(name) || is_wanted(attributes, list, name) ||
            fremovexattr(fd, name) == 0 || errno == ENODATA)
            continue;
        error_set_errno(lost, errno, "remove extended attribute '%.30s'", name);
    }
    return STATUS_OK;
}

/* --- mode and times --- */

static void set_mode(const struct handle *handle, mode_t mode)
{
    int result = handle->proc == NULL ? fchmod(handle->fd, mode) : chmod(handle->proc, mode);
    if (result != 0)
        lose(handle, "mode");
}

static enum status set_times(const struct handle *handle, const struct plain_attributes *attributes,
                             struct error *err)
{
    struct timespec times[2] = {
        {.tv_sec = attributes->atime_s, .tv_nsec = attributes->atime_ns},
        {.tv_sec = attributes->mtime_s, .tv_nsec = attributes->mtime_ns},
    };
    int result = handle->proc == NULL ? futimens(handle->fd, times)
                                      : utimensat(handle->fd, "", times, AT_EMPTY_PATH);
    return result == 0 ? STATUS_OK : FAIL_ERRNO(err, "times");
}

static enum status set_all(const struct plain_attributes *attributes, const struct buffer *list,
                           const struct handle *handle, const struct stat *info, struct error *err)
{
    mode_t mode = attributes->mode;
    if (!set_owner(handle, attributes, info))
        mode &= ~(mode_t)SET_IDS;
    set_xattrs(handle, attributes, list);
    if (!handle->is_link && (attributes->xattrs != 0 || (info->st_mode & 07777) != mode))
        set_mode(handle, mode);
    return set_times(handle, attributes, err);
}

enum status attributes_set(const struct plain_attributes *attributes, const struct buffer *list,
                           int fd, struct error *ret_lost, struct error *err)
{
    struct handle handle = {.fd = fd, .lost = ret_lost};
    struct stat info;
    *ret_lost = (struct error){0};
    if (fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "fstat");
    return set_all(attributes, list, &handle, &info, err);
}

enum status attributes_set_over(const struct plain_attributes *attributes,
                                const struct buffer *list, int fd, struct error *ret_lost,
                                struct error *err)
{
    struct error kept = {0};
    if (remove_others(attributes, list, fd, &kept, err) != STATUS_OK ||
        attributes_set(attributes, list, fd, ret_lost, err) != STATUS_OK)
        return error_status(err);
    if (ret_lost->status == STATUS_OK)
        *ret_lost = kept;
    return STATUS_OK;
}

enum status attributes_set_at(const struct plain_attributes *attributes, const struct buffer *list,
                              const struct special_entry *special, struct error *ret_lost,
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
    return set_all(attributes, list, &handle, &info, err);
}

void attributes_drop_inherited(int fd)
{
    /* Best effort: most file systems and most directories have none. */
    (void)fremovexattr(fd, "system.posix_acl_access");
    (void)fremovexattr(fd, "system.posix_acl_default");
}
