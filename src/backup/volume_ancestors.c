#include "volume_ancestors.h"

#include <fcntl.h>
#include <string.h>

/* As its names sort, a '/' ends a component and comes before any byte that goes on with one. */
static unsigned rank(char byte)
{
    return byte == '/' ? 1 : (unsigned char)byte + (byte == '\0' ? 0U : 1U);
}

int volume_ancestors_compare(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    unsigned a = rank(*left);
    unsigned b = rank(*right);
    return a < b ? -1 : a > b;
}

/* Does the directory hold the volume, however deep? */
static bool holds(const char *directory, const char *volume)
{
    size_t len = strlen(directory);
    return strncmp(directory, volume, len) == 0 && volume[len] == '/';
}

static enum status leave(struct volume_ancestors *ancestors, struct error *err)
{
    struct stat info;
    if (stat(ancestors->path, &info) != 0)
        return FAIL_ERRNO(err, "directory '%s'", ancestors->path);
    struct attributes_place place = {.fd = -1, .directory = AT_FDCWD, .name = ancestors->path};
    struct tree_node node;
    struct error lost; /* what lies above the volumes is scenery: worth no warning */
    if (attributes_read(ancestors->attributes, &place, &info, &node, &lost, err) != STATUS_OK)
        return FAIL_IN(err, "directory '%s'", ancestors->path);
    char *slash = strrchr(ancestors->path, '/');
    node.name = slash + 1;
    node.name_len = strlen(node.name);
    if (tree_stack_leave(ancestors->stack, &node, err) != STATUS_OK)
        return error_status(err);
    *slash = '\0';
    return STATUS_OK;
}

enum status volume_ancestors_move_to(struct volume_ancestors *ancestors, const char *volume,
                                     struct error *err)
{
    while (!holds(ancestors->path, volume))
        if (leave(ancestors, err) != STATUS_OK)
            return error_status(err);
    size_t len = strlen(ancestors->path);
    const char *slash = strchr(volume + len + 1, '/');
    for (; slash != NULL; slash = strchr(slash + 1, '/')) {
        if (tree_stack_enter(ancestors->stack, err) != STATUS_OK)
            return error_status(err);
        len = (size_t)(slash - volume);
        memcpy(ancestors->path, volume, len);
        ancestors->path[len] = '\0';
    }
    return STATUS_OK;
}

enum status volume_ancestors_finish(struct volume_ancestors *ancestors, struct error *err)
{
    while (ancestors->path[0] != '\0')
        if (leave(ancestors, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}
