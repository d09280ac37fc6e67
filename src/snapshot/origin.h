/* The origin that a copy keeps, see snapshot_find_origin(): written with it. */
#ifndef SNAPSHOT_ORIGIN_H
#define SNAPSHOT_ORIGIN_H

#include <sys/stat.h>

/* info: what the source was like, which the copy is known to be a clone of. That it cannot be kept
 * (only CAP_SYS_ADMIN may) is as if it was not known: no failure. */
void origin_keep(int copy_fd, const struct stat *info);

#endif
