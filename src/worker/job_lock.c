#include "job_lock.h"

#include "core/cleanup.h"
#include "core/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

enum {
    RETRY_MS = 25,
    KILL_MS = 5000, /* how long a killed holder may take to be gone */
    REMOVED_MAX = 100
};

static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

/* Makes one attempt. *ret_current false: we locked a file that its last holder has just removed. */
static enum status lock_file(const char *path, int *ret_fd, bool *ret_current, struct error *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", path);
    struct flock range = whole_file;
    if (fcntl(fd, F_SETLK, &range) != 0) {
        if (errno == EACCES || errno == EAGAIN)
            return FAIL_REASON(err, STATUS_LOCKED, REASON_JOB_BUSY,
                               "another process still works on this job ('%s')", path);
        return FAIL_ERRNO(err, "lock '%s'", path);
    }
    struct stat info;
    if (fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "stat '%s'", path);
    *ret_current = info.st_nlink > 0;
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

enum status job_lock_try(struct job_lock *lock, const char *directory, const char *name,
                         struct error *err)
{
    struct job_lock taken = JOB_LOCK_NONE;
    int len = snprintf(taken.path, sizeof(taken.path), "%s/%s.lock", directory, name);
    if (len >= (int)sizeof(taken.path))
        return FAIL(err, STATUS_TOO_LARGE, "lock of job '%s': the path is too long", name);
    for (int i = 0; i < REMOVED_MAX; i++) {
        bool current = false;
        if (lock_file(taken.path, &taken.fd, &current, err) != STATUS_OK)
            return error_status(err);
        if (current) {
            *lock = taken;
            return STATUS_OK;
        }
        (void)close(taken.fd);
    }
    return FAIL(err, STATUS_LOCKED, "lock '%s': it is removed again and again", taken.path);
}

/* Returns 0 for nobody, or for somebody in another pid namespace, whom we cannot name. */
static pid_t holder_of(const char *path)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    struct flock range = whole_file;
    if (fcntl(fd, F_GETLK, &range) != 0 || range.l_type == F_UNLCK || range.l_pid <= 0)
        return 0;
    return range.l_pid;
}

/* The pidfd is opened before the second look: the process that gets the signal is the holder, not
 * one that got its number meanwhile. */
static void kill_holder(const char *path)
{
    pid_t pid = holder_of(path);
    if (pid == 0)
        return;
    CLEANUP(fd_closep) int pidfd = pidfd_open(pid, 0);
    if (pidfd >= 0 && holder_of(path) == pid)
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

enum status job_lock_wait(struct job_lock *lock, const char *directory, const char *name,
                          int64_t patience_ms, const struct cancel *cancel, struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + patience_ms;
    for (;;) {
        enum status status = job_lock_try(lock, directory, name, err);
        if (status != STATUS_LOCKED || clock_left_ms(deadline_ms) == 0)
            return status;
        if (cancel_check(cancel, err) != STATUS_OK)
            return error_status(err);
        /* A record lock cannot be waited for with a deadline other than by a signal. */
        (void)nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
}

enum status job_lock_take(struct job_lock *lock, const char *directory, const char *name,
                          int64_t patience_ms, struct error *err)
{
    enum status status = job_lock_wait(lock, directory, name, patience_ms, NULL, err);
    if (status != STATUS_LOCKED)
        return status;

    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s.lock", directory, name) < (int)sizeof(path))
        kill_holder(path);
    return job_lock_wait(lock, directory, name, KILL_MS, NULL, err);
}

void job_lock_release(struct job_lock *lock)
{
    if (lock->fd < 0)
        return;
    (void)unlink(
        lock->path); /* while it is held: whoever waits finds no link and makes a new one */
    (void)close(lock->fd);
    lock->fd = -1;
}
