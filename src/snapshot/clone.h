/* A file that shares the extents of another: FICLONE, see ioctl_ficlone(2). */
#ifndef SNAPSHOT_CLONE_H
#define SNAPSHOT_CLONE_H

#include "core/error.h"

#include <stdbool.h>

/* Makes `name` in the directory to_fd out of that in from_fd. *ret_made false: the source is no
 * regular file any more, and there is nothing. */
enum status clone_file(int from_fd, int to_fd, const char *name, bool *ret_made, struct error *err)
    MUST_CHECK;

/* Can the file system of this directory do that? Tries, with files that never get a name. */
enum status clone_try(const char *directory, struct error *err) MUST_CHECK;

#endif
