/*
 * Restore directories: the descriptors of directories of a restore tree, reached from their root
 * component by component, never through a symbolic link. A few of them stay open.
 *
 * Threads   each thread has its own
 */
#ifndef RESTORE_DIRECTORIES_H
#define RESTORE_DIRECTORIES_H

#include "core/error.h"
#include "tree.h"

enum { RESTORE_DIRECTORIES_OPEN = 32 };

struct restore_directories {
    const struct restore_tree *tree; /* borrowed */

    struct {
        uint32_t directory; /* directory_none: nothing here */
        int fd;             /* O_PATH */
    } slots[RESTORE_DIRECTORIES_OPEN];

    uint32_t *chain;
    size_t chain_capacity;
};

void restore_directories_init(struct restore_directories *directories,
                              const struct restore_tree *tree);
void restore_directories_done(struct restore_directories *directories);

/* The descriptor is borrowed until the next call. It serves neither for reading the directory's
 * entries nor for its own attributes. */
enum status restore_directories_open(struct restore_directories *directories, uint32_t directory,
                                     int *ret_fd, struct error *err) MUST_CHECK;

#endif
