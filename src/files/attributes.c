#include "files/attributes.h"

#include "core/array.h"
#include "core/cleanup.h"
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

enum {
    LIST_STEP = 1024,
    VALUE_STEP = 256,
    LINK_TARGET_MAX = PATH_MAX /* what symlink(2) takes */
};

/* How an entry is reached: by descriptor; by /proc where there can be none (a fifo, a
 * symbolic link); by a path that is followed. */
struct reach {
    int fd;
    bool follow;
    char path[PATH_MAX + 32];
};

static bool locate(const struct attributes_place *place, struct reach *ret_where)
{
    ret_where->fd = place->fd;
    ret_where->follow = place->directory == AT_FDCWD;
    if (place->fd >= 0)
        return true;
    int len = ret_where->follow
                  ? snprintf(ret_where->path, sizeof(ret_where->path), "%s", place->name)
                  : snprintf(ret_where->path, sizeof(ret_where->path), "/proc/self/fd/%d/%s",
                             place->directory, place->name);
    return len > 0 && len < (int)sizeof(ret_where->path);
}

static ssize_t list_names(const struct reach *where, char *bytes, size_t size)
{
    if (where->fd >= 0)
        return flistxattr(where->fd, bytes, size);
    return where->follow ? listxattr(where->path, bytes, size)
                         : llistxattr(where->path, bytes, size);
}

static ssize_t get_value(const struct reach *where, const char *name, void *bytes, size_t size)
{
    if (where->fd >= 0)
        return fgetxattr(where->fd, name, bytes, size);
    return where->follow ? getxattr(where->path, name, bytes, size)
                         : lgetxattr(where->path, name, bytes, size);
}

/* Both calls answer ERANGE when the room was too small; what they would need may grow meanwhile. */
static bool grow(struct buffer *buffer, size_t *room, struct error *err)
{
    *room *= 8;
    return buffer_reserve(buffer, *room, err) == STATUS_OK;
}

static enum status read_names(struct attributes *attributes, const struct reach *where,
                              struct error *err)
{
    buffer_clear(&attributes->names);
    size_t room = LIST_STEP;
    if (buffer_reserve(&attributes->names, room, err) != STATUS_OK)
        return error_status(err);
    for (;;) {
        ssize_t len = list_names(where, (char *)attributes->names.bytes, room);
        if (len >= 0) {
            attributes->names.len = (size_t)len;
            return STATUS_OK;
        }
        if (errno == ENOTSUP || errno == ENOSYS)
            return STATUS_OK;
        if (errno != ERANGE)
            return FAIL_ERRNO(err, "list extended attributes");
        if (!grow(&attributes->names, &room, err))
            return FAIL_IN(err, "extended attributes");
    }
}

/* The value goes behind the others; its pointer is set when the buffer no longer moves. */
static enum status read_value(struct attributes *attributes, const struct reach *where,
                              const char *name, size_t *ret_len, struct error *err)
{
    size_t room = VALUE_STEP;
    if (buffer_reserve(&attributes->values, room, err) != STATUS_OK)
        return FAIL_IN(err, "extended attribute '%s'", name);
    for (;;) {
        ssize_t len =
            get_value(where, name, attributes->values.bytes + attributes->values.len, room);
        if (len >= 0) {
            attributes->values.len += (size_t)len;
            *ret_len = (size_t)len;
            return STATUS_OK;
        }
        if (errno != ERANGE)
            return FAIL_ERRNO(err, "extended attribute '%s'", name);
        if (!grow(&attributes->values, &room, err))
            return FAIL_IN(err, "extended attribute '%s'", name);
    }
}

static enum status add_xattr(struct attributes *attributes, size_t count, const char *name,
                             size_t len, struct error *err)
{
    if (array_reserve(&attributes->xattrs, &attributes->xattr_capacity, count + 1,
                      sizeof(*attributes->xattrs), err) != STATUS_OK)
        return FAIL_IN(err, "extended attributes");
    attributes->xattrs[count] = (struct tree_node_xattr){.name = name, .value_len = len};
    return STATUS_OK;
}

static void set_values(struct attributes *attributes, size_t count)
{
    const unsigned char *value = attributes->values.bytes;
    for (size_t i = 0; i < count; i++) {
        attributes->xattrs[i].value = value;
        value += attributes->xattrs[i].value_len;
    }
}

/* *ret_count: how many there are now, also on failure, where the ones behind it are missing. */
static enum status read_xattrs(struct attributes *attributes, const struct reach *where,
                               size_t *ret_count, struct error *err)
{
    *ret_count = 0;
    buffer_clear(&attributes->values);
    if (read_names(attributes, where, err) != STATUS_OK)
        return error_status(err);
    enum status status = STATUS_OK;
    struct error failure;
    const char *name = (const char *)attributes->names.bytes;
    const char *end = name + attributes->names.len;
    for (; name < end; name += strlen(name) + 1) {
        size_t len = 0;
        if (strcmp(name, SNAPSHOT_ORIGIN_XATTR) == 0)
            continue;
        if (read_value(attributes, where, name, &len, &failure) == STATUS_OK &&
            add_xattr(attributes, *ret_count, name, len, &failure) == STATUS_OK) {
            (*ret_count)++;
            continue;
        }
        status = failure.status; /* the others are worth having */
        *err = failure;
    }
    set_values(attributes, *ret_count);
    return status;
}

static enum status read_link(struct attributes *attributes, const struct attributes_place *place,
                             struct error *err)
{
    buffer_clear(&attributes->link_target);
    if (buffer_reserve(&attributes->link_target, LINK_TARGET_MAX, err) != STATUS_OK)
        return error_status(err);
    char *text = (char *)attributes->link_target.bytes;
    ssize_t len = readlinkat(place->directory, place->name, text, LINK_TARGET_MAX);
    if (len < 0)
        return FAIL_ERRNO(err, "read the link");
    text[len] = '\0';
    return STATUS_OK;
}

void attributes_init(struct attributes *attributes)
{
    *attributes = (struct attributes){0};
    buffer_init(&attributes->names, ATTRIBUTES_XATTR_BYTES_MAX);
    buffer_init(&attributes->values, ATTRIBUTES_XATTR_BYTES_MAX);
    buffer_init(&attributes->link_target, LINK_TARGET_MAX);
}

void attributes_done(struct attributes *attributes)
{
    buffer_done(&attributes->names);
    buffer_done(&attributes->values);
    buffer_done(&attributes->link_target);
    free(attributes->xattrs);
    attributes->xattrs = NULL;
}

enum status attributes_describe(struct attributes *attributes, const struct attributes_place *place,
                                const struct stat *info, struct tree_node *ret_node,
                                struct error *err)
{
    struct tree_node node;
    if (!tree_node_from_stat(info, &node))
        return FAIL(err, STATUS_UNSUPPORTED, "a kind of file that cannot be backed up");
    if (node.type == TREE_NODE_SYMLINK) {
        if (read_link(attributes, place, err) != STATUS_OK)
            return error_status(err);
        node.link_target = (const char *)attributes->link_target.bytes;
    }
    node.user = owner_user(&attributes->owners, info->st_uid);
    node.group = owner_group(&attributes->owners, info->st_gid);
    *ret_node = node;
    return STATUS_OK;
}

/* What is there stays in attributes. */
static enum status read_extended(struct attributes *attributes,
                                 const struct attributes_place *place, size_t *ret_count,
                                 struct error *ret_lost, struct error *err)
{
    struct reach where;
    *ret_count = 0;
    *ret_lost = (struct error){0};
    if (!locate(place, &where))
        (void)FAIL(ret_lost, STATUS_TOO_LARGE, "extended attributes: the path is too long");
    else if (read_xattrs(attributes, &where, ret_count, ret_lost) == STATUS_NO_MEMORY) {
        *err = *ret_lost;
        return FAIL_IN(err, "read metadata");
    }
    return STATUS_OK;
}

static enum status copy_xattrs(const struct attributes *attributes, size_t count,
                               struct tree_node_xattr **ret_xattrs, struct error *err)
{
    size_t table = count * sizeof(struct tree_node_xattr);
    const struct buffer *names = &attributes->names;
    const struct buffer *values = &attributes->values;
    struct tree_node_xattr *xattrs = malloc(table + names->len + values->len);
    if (xattrs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu extended attributes", count);
    char *name = (char *)xattrs + table;
    char *value = name + names->len;
    memcpy(name, names->bytes, names->len);
    if (values->len > 0)
        memcpy(value, values->bytes, values->len);
    for (size_t i = 0; i < count; i++) {
        const struct tree_node_xattr *from = &attributes->xattrs[i];
        xattrs[i] = (struct tree_node_xattr){
            .name = name + (from->name - (const char *)names->bytes),
            .value = value + ((const char *)from->value - (const char *)values->bytes),
            .value_len = from->value_len,
        };
    }
    *ret_xattrs = xattrs;
    return STATUS_OK;
}

enum status attributes_read_extended(struct attributes *attributes,
                                     const struct attributes_place *place,
                                     struct tree_node_xattr **ret_xattrs, size_t *ret_count,
                                     struct error *ret_lost, struct error *err)
{
    size_t count = 0;
    *ret_xattrs = NULL;
    *ret_count = 0;
    if (read_extended(attributes, place, &count, ret_lost, err) != STATUS_OK)
        return error_status(err);
    if (count > 0 && copy_xattrs(attributes, count, ret_xattrs, err) != STATUS_OK)
        return error_status(err);
    *ret_count = count;
    return STATUS_OK;
}

enum status attributes_read(struct attributes *attributes, const struct attributes_place *place,
                            const struct stat *info, struct tree_node *ret_node,
                            struct error *ret_lost, struct error *err)
{
    struct tree_node node;
    if (attributes_describe(attributes, place, info, &node, err) != STATUS_OK ||
        read_extended(attributes, place, &node.xattr_count, ret_lost, err) != STATUS_OK)
        return error_status(err);
    node.xattrs = attributes->xattrs;
    *ret_node = node;
    return STATUS_OK;
}
