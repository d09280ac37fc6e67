/* Owner, mode, xattrs with ACLs, and times: from one directory entry to another. */
#ifndef SNAPSHOT_METADATA_H
#define SNAPSHOT_METADATA_H

#include "core/error.h"

#include <linux/limits.h>
#include <sys/stat.h>

/* No system call takes (directory, name) for xattrs: a path in /proc is the way round that, and the
 * last component is not followed by those that begin with an l. */
enum { METADATA_PATH_SIZE = sizeof("/proc/self/fd/2147483647/") + NAME_MAX };

void metadata_path(int fd, const char *name, char path[METADATA_PATH_SIZE]);

/* Room for the xattrs of one file, made once for many. */
struct metadata_room {
    char *names;
    char *value;
};

enum status metadata_room_init(struct metadata_room *room, struct error *err) MUST_CHECK;
void metadata_room_done(struct metadata_room *room);

/* name is the same on both sides; "." for the directories themselves. info is what the source is
 * like. The source may have vanished: then it has no xattrs. room NULL: leave xattrs out.
 * Never among them: SNAPSHOT_ORIGIN_XATTR. */
enum status metadata_copy(const struct metadata_room *room, int from_fd, int to_fd,
                          const char *name, const struct stat *info, struct error *err) MUST_CHECK;

#endif
