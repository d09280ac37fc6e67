/*
 * File id: which file or directory it was, whatever name it has by now, and also after a reboot.
 *
 * Backing   inode number and time of birth, statx(2). Numbers of devices change with a reboot: that
 *           the device is the right one is told by that of the directory around.
 */
#ifndef CORE_FILE_ID_H
#define CORE_FILE_ID_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct file_id {
    uint64_t inode;  /* 0: there is none */
    int64_t born_ns; /* since the epoch; 0: the file system does not tell, or nobody noted it */
};

enum status file_id_read(int fd, struct file_id *ret_id, struct error *err) MUST_CHECK;

/* Is the descriptor of just this? parent: that of a directory on the same file system. */
bool file_id_is_of(const struct file_id *id, int parent, int fd);

#endif
