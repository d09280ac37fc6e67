/* Look: what lstat(2) says of an entry, and what is mounted there, in one system call (statx(2)). */
#ifndef CORE_LOOK_H
#define CORE_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct look {
    bool is_mount;  /* something is mounted on the entry, and info tells of that */
    uint64_t mount; /* stx_mnt_id */
};

/* Follows no symbolic link, and mounts nothing by itself. Returns -1 with errno. */
int look_at(int directory, const char *name, struct stat *ret_info, struct look *ret_look);

#endif
