#include "core/path.h"

#include "core/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How much of it stands in front of the path of what is in it: nothing of "/". */
static size_t prefix_len(const char *directory)
{
    return strcmp(directory, "/") == 0 ? 0 : strlen(directory);
}

bool path_is_below(const char *path, const char *directory)
{
    size_t len = prefix_len(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

bool path_is_inside(const char *path, const char *directory)
{
    size_t len = prefix_len(directory);
    return strncmp(path, directory, len) == 0 && path[len] == '/' && path[len + 1] != '\0';
}

/* "/a/b/c" becomes "/a/b", and "/a" becomes "/"; false: nothing is left to cut. */
static bool cut_last_name(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || path[1] == '\0')
        return false;
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

static void cut_slashes(char *path)
{
    for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
        path[len - 1] = '\0';
}

/* The directory, and below it what stands in path behind the first len bytes. */
static char *join(const char *directory, const char *path, size_t len)
{
    const char *rest = path + len + strspn(path + len, "/");
    bool is_root = strcmp(directory, "/") == 0;
    char *joined = NULL;
    if (asprintf(&joined, "%s%s%s", is_root ? "" : directory, is_root || *rest != '\0' ? "/" : "",
                 rest) < 0)
        return NULL;
    cut_slashes(joined);
    return joined;
}

/* What cannot be looked at counts as not there: nobody gets at anything through it either. */
char *path_resolve(const char *path)
{
    CLEANUP(freep) char *head = strdup(path);
    if (head == NULL)
        return NULL;
    do {
        CLEANUP(freep) char *found = realpath(head, NULL);
        if (found != NULL)
            return join(found, path, strlen(head));
        if (errno == ENOMEM)
            return NULL;
    } while (cut_last_name(head));
    return strdup(path);
}

/* By its text, or by way of a directory that is mounted at both places. */
static bool lies_in(const char *path, const char *other)
{
    CLEANUP(freep) char *above = strdup(path);
    struct stat wanted;
    struct stat info;
    if (path_is_below(path, other))
        return true;
    if (above == NULL || stat(other, &wanted) != 0)
        return false;
    do {
        if (stat(above, &info) == 0 && info.st_dev == wanted.st_dev && info.st_ino == wanted.st_ino)
            return true;
    } while (cut_last_name(above));
    return false;
}

enum status path_check_apart(const char *one, const char *other, struct error *err)
{
    CLEANUP(freep) char *first = path_resolve(one);
    CLEANUP(freep) char *second = path_resolve(other);
    if (first == NULL || second == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "path '%s'", one);
    if (lies_in(first, second))
        return FAIL(err, STATUS_INVALID, "'%s' lies in '%s'", first, second);
    if (lies_in(second, first))
        return FAIL(err, STATUS_INVALID, "'%s' lies in '%s'", second, first);
    return STATUS_OK;
}
