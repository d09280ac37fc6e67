/*
 * Lock files, as restic has them.
 *
 * Shapes    {"time","exclusive","hostname","username","pid","uid"?,"gid"?}
 */
#ifndef REPOSITORY_LOCK_FILE_H
#define REPOSITORY_LOCK_FILE_H

#include "core/buffer.h"
#include "core/error.h"
#include "whoami.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct lock_file {
    struct timespec time;
    bool exclusive;
    char host[WHOAMI_MAX + 1];
    char user[WHOAMI_MAX + 1];
    pid_t pid; /* 0: not said */
};

enum status lock_file_read(const void *text, size_t len, struct lock_file *ret_lock,
                           struct error *err) MUST_CHECK;

/* Appends the text of a lock of this process, from now. */
enum status lock_file_write(bool exclusive, struct buffer *text, struct error *err) MUST_CHECK;

/* Made on this host, by a process that is no more. A pid that somebody else got since (after a
 * reboot, say) counts as alive until the lock is as old as restic's stale ones: a lock that is
 * alive is renewed long before. */
bool lock_file_is_dead(const struct lock_file *lock);

#endif
