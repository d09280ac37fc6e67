#include "volume_ancestors.h"

#include <fcntl.h>
#include <string.h>

/* As its names sort, a '/' ends a component and comes before any byte that goes on with one. */
static unsigned rank(char byte)
{
    return byte == '/' ? 1 : (unsigned char)byte + (byte == '\0' ? 0U : 1U);
}

int parents_compare(const char *left, const char *right)
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

static enum status leave(struct parents *parents, struct error *err)
{
    struct stat info;
    if (stat(parents->path, &info) != 0)
        return FAIL_ERRNO(err, "directory '%s'", parents->path);
    struct attributes_place place = {.fd = -1, .directory = AT_FDCWD, .name = parents->path};
    struct tree_node node;
    struct error lost; /* what lies above the volumes is scenery: worth no warning */
    if (attributes_read(parents->attributes, &place, &info, &node, &lost, err) != STATUS_OK)
        return FAIL_IN(err, "directory '%s'", parents->path);
    char *slash = strrchr(parents->path, '/');
    node.name = slash + 1;
    node.name_len = strlen(node.name);
    if (branch_leave(parents->branch, &node, err) != STATUS_OK)
        return err->status;
    *slash = '\0';
    return STATUS_OK;
}

enum status parents_move_to(struct parents *parents, const char *volume, struct error *err)
{
    while (!holds(parents->path, volume))
        if (leave(parents, err) != STATUS_OK)
            return err->status;
    size_t len = strlen(parents->path);
    const char *slash = strchr(volume + len + 1, '/');
    for (; slash != NULL; slash = strchr(slash + 1, '/')) {
        if (branch_enter(parents->branch, err) != STATUS_OK)
            return err->status;
        len = (size_t)(slash - volume);
        memcpy(parents->path, volume, len);
        parents->path[len] = '\0';
    }
    return STATUS_OK;
}

enum status parents_finish(struct parents *parents, struct error *err)
{
    while (parents->path[0] != '\0')
        if (leave(parents, err) != STATUS_OK)
            return err->status;
    return STATUS_OK;
}
