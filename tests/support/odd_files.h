/*
 * Odd files: a read-only FUSE file system with one directory, whose files say of themselves what is
 * not so. It is unmounted and gone at the end, also when the test dies (see scratch.h). As root.
 */
#ifndef TESTS_SUPPORT_ODD_FILES_H
#define TESTS_SUPPORT_ODD_FILES_H

#include "tests/support/scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum odd_seek {
    ODD_SEEK_UNKNOWN, /* lseek(SEEK_DATA) fails */
    ODD_SEEK_HOLE     /* it says that there is nothing but a hole */
};

struct odd_file {
    const char *name;
    const void *content;
    size_t len;
    uint64_t size, blocks; /* that stat(2) says */
    enum odd_seek seek;
    bool is_listed_twice;
};

struct odd_files {
    const struct odd_file *list; /* borrowed */
    size_t count;
    int device;
    pid_t server;
    char path[160];
};

/* Mounted on the directory of this name in the scratch directory, which is made. */
void odd_files_mount(struct odd_files *files, struct scratch *scratch, const char *name);
void odd_files_unmount(struct odd_files *files);

#endif
