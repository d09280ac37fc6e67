#include "directories.h"

#include "core/array.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void restore_directories_init(struct restore_directories *directories,
                              const struct restore_tree *tree)
{
    *directories = (struct restore_directories){.tree = tree};
    for (size_t i = 0; i < RESTORE_DIRECTORIES_OPEN; i++)
        directories->slots[i].directory = directory_none;
}

void restore_directories_done(struct restore_directories *directories)
{
    for (size_t i = 0; i < RESTORE_DIRECTORIES_OPEN; i++)
        if (directories->slots[i].directory != directory_none)
            (void)close(directories->slots[i].fd);
    free(directories->chain);
    *directories = (struct restore_directories){0};
}

/* -1: not open. */
static int find(const struct restore_directories *directories, uint32_t directory)
{
    const struct restore_directory *at = &directories->tree->directories[directory];
    if (at->parent == directory_none)
        return directories->tree->roots[at->name].fd;
    size_t slot = directory % RESTORE_DIRECTORIES_OPEN;
    return directories->slots[slot].directory == directory ? directories->slots[slot].fd : -1;
}

static void keep(struct restore_directories *directories, uint32_t directory, int fd)
{
    size_t slot = directory % RESTORE_DIRECTORIES_OPEN;
    if (directories->slots[slot].directory != directory_none)
        (void)close(directories->slots[slot].fd);
    directories->slots[slot].directory = directory;
    directories->slots[slot].fd = fd;
}

static enum status note(struct restore_directories *directories, size_t count, uint32_t directory,
                        struct error *err)
{
    if (array_reserve(&directories->chain, &directories->chain_capacity, count + 1,
                      sizeof(*directories->chain), err) != STATUS_OK)
        return FAIL_IN(err, "the directories of a path");
    directories->chain[count] = directory;
    return STATUS_OK;
}

enum status restore_directories_open(struct restore_directories *directories, uint32_t directory,
                                     int *ret_fd, struct error *err)
{
    const struct restore_tree *tree = directories->tree;
    size_t count = 0;
    int fd = find(directories, directory);
    for (; fd < 0; fd = find(directories, directory)) {
        if (note(directories, count++, directory, err) != STATUS_OK)
            return error_status(err);
        directory = tree->directories[directory].parent;
    }
    while (count > 0) {
        directory = directories->chain[--count];
        fd = openat(fd, restore_tree_name(tree, tree->directories[directory].name),
                    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return FAIL_ERRNO(err, "open the directory");
        keep(directories, directory, fd);
    }
    *ret_fd = fd;
    return STATUS_OK;
}
