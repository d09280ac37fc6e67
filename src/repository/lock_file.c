#include "lock_file.h"

#include "core/cleanup.h"
#include "quote.h"
#include "stored_json.h"
#include "timestamp.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STALE_S = 30 * 60, START_TIME_FIELD = 22, STAT_MAX = 1024 };

static void copy_text(const json_t *json, const char *field, char to[WHOAMI_MAX + 1])
{
    const char *text = json_string_value(json_object_get(json, field));
    (void)snprintf(to, WHOAMI_MAX + 1, "%.*s", WHOAMI_MAX, text == NULL ? "" : text);
}

enum status lock_file_read(const void *text, size_t len, struct lock_file *ret_lock,
                           struct error *err)
{
    json_auto_t *json = NULL;
    struct lock_file lock = {.pid = 0};
    if (stored_json_read(text, len, &json, err) != STATUS_OK)
        return error_status(err);
    const json_t *time = json_object_get(json, "time");
    const json_t *exclusive = json_object_get(json, "exclusive");
    json_int_t pid = json_integer_value(json_object_get(json, "pid"));
    if (!json_is_string(time) || !json_is_boolean(exclusive) ||
        !timestamp_read(json_string_value(time), json_string_length(time), &lock.time))
        return FAIL(err, STATUS_CORRUPT, "not a lock: 'time' or 'exclusive' is missing");
    lock.exclusive = json_is_true(exclusive);
    lock.pid = pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
    copy_text(json, "hostname", lock.host);
    copy_text(json, "username", lock.user);
    *ret_lock = lock;
    return STATUS_OK;
}

enum status lock_file_write(bool exclusive, struct buffer *text, struct error *err)
{
    struct whoami me;
    struct timespec now;
    char head[TIMESTAMP_MAX + 2 * QUOTED_MAX(WHOAMI_MAX) + 128];
    char numbers[128];
    whoami(&me);
    (void)clock_gettime(CLOCK_REALTIME, &now);

    char *to = stpcpy(head, "{\"time\":\"");
    to = stpcpy(timestamp_write(to, now), "\",\"exclusive\":");
    to = stpcpy(to, exclusive ? "true,\"hostname\":" : "false,\"hostname\":");
    to = stpcpy(quote_json(to, me.host, strlen(me.host)), ",\"username\":");
    to = quote_json(to, me.user, strlen(me.user));
    if (buffer_add(text, head, (size_t)(to - head), err) != STATUS_OK)
        return error_status(err);

    int len = snprintf(numbers, sizeof(numbers), ",\"pid\":%d", (int)getpid());
    if (getuid() != 0)
        len += snprintf(numbers + len, sizeof(numbers) - (size_t)len, ",\"uid\":%u",
                        (unsigned)getuid());
    if (getgid() != 0)
        len += snprintf(numbers + len, sizeof(numbers) - (size_t)len, ",\"gid\":%u",
                        (unsigned)getgid());
    if (buffer_add(text, numbers, (size_t)len, err) != STATUS_OK)
        return error_status(err);
    return buffer_add_text(text, "}", err);
}

/* When the process started, in seconds of CLOCK_BOOTTIME; -1: cannot be known (proc(5)). */
static int64_t started_s(pid_t pid)
{
    char path[64];
    char text[STAT_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    long ticks_per_s = sysconf(_SC_CLK_TCK);
    if (len <= 0 || ticks_per_s <= 0)
        return -1;
    text[len] = '\0';
    char *at = strrchr(text, ')'); /* the second field, which may hold anything, ends here */
    for (int field = 2; at != NULL && field < START_TIME_FIELD; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return -1;
    return (int64_t)(strtoull(at, NULL, 10) / (unsigned long)ticks_per_s);
}

/* The pid is in use: by the process that made the lock, or by one that started after it? */
static bool pid_was_reused(const struct lock_file *lock)
{
    struct timespec wall;
    struct timespec boot;
    int64_t started = started_s(lock->pid);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    (void)clock_gettime(CLOCK_BOOTTIME, &boot);
    int64_t age = wall.tv_sec - lock->time.tv_sec;
    return started >= 0 && age > STALE_S && boot.tv_sec - started < age;
}

bool lock_file_is_dead(const struct lock_file *lock)
{
    struct whoami me;
    whoami(&me);
    if (lock->pid <= 0 || strcmp(lock->host, me.host) != 0)
        return false;
    if (kill(lock->pid, 0) != 0)
        return errno == ESRCH;
    return pid_was_reused(lock);
}
