/*
 * Job lock: who holds it works on the job, on this node. It is held for the life of a process, so
 * that nobody unwinds what a living process needs, or runs a job beside an older process of the
 * job, which has lost its lease and does not know it yet.
 *
 * Backing   a POSIX record lock on jobs/<job>.lock: the kernel drops it when the process dies,
 *           children do not inherit it, and F_GETLK tells whose it is. Closing any other descriptor
 *           of the file would drop it as well: a process opens the file once.
 * Errors    LOCKED: another process holds it.
 */
#ifndef WORKER_JOB_LOCK_H
#define WORKER_JOB_LOCK_H

#include "core/cancel.h"
#include "core/error.h"

#include <limits.h>
#include <stdint.h>

struct job_lock {
    int fd; /* -1: not held */
    char path[PATH_MAX];
};

#define JOB_LOCK_NONE ((struct job_lock){.fd = -1})

/* Takes the lock at once or not at all. name: a job's id. */
enum status job_lock_try(struct job_lock *lock, const char *directory, const char *name,
                         struct error *err) MUST_CHECK;

/* Waits for patience_ms, or until it is canceled (NULL: never). LOCKED: it is still held. */
enum status job_lock_wait(struct job_lock *lock, const char *directory, const char *name,
                          int64_t patience_ms, const struct cancel *cancel, struct error *err)
    MUST_CHECK;

/* Waits for patience_ms; then the holder, whose claim is over since we have a newer one, is killed:
 * it may be a process that was stopped, and would never let go. */
enum status job_lock_take(struct job_lock *lock, const char *directory, const char *name,
                          int64_t patience_ms, struct error *err) MUST_CHECK;

/* Lets go of the lock and removes its file. A lock that is not held is fine. */
void job_lock_release(struct job_lock *lock);

#endif
