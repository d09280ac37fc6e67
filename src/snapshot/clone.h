/* A file that shares the extents of another (FICLONE, see ioctl_ficlone(2)), and that keeps what
 * its source was like: snapshot_find_origin(). */
#ifndef SNAPSHOT_CLONE_H
#define SNAPSHOT_CLONE_H

#include "core/error.h"
#include "core/patient_open.h"

#include <sys/stat.h>
#include <time.h>

struct clone_terms {
    struct timespec since;    /* what has changed since then keeps no origin */
    struct patience patience; /* with files that are leased */
};

/* Makes `name` in the directory to_fd out of that in from_fd. *ret_info is the stat of the very
 * file that was cloned; all zeros: the source is no regular file any more, and there is nothing.
 * CONFLICT: there is a copy already. After another failure there may be half of one. */
enum status clone_file(int from_fd, int to_fd, const char *name, struct clone_terms *terms,
                       struct stat *ret_info, struct error *err) MUST_CHECK;

/* Can the file system of this directory do that? Tries, with files that never get a name. */
enum status clone_try(const char *directory, struct error *err) MUST_CHECK;

#endif
