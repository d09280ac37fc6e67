#include "core/patient_open.h"

#include "core/cleanup.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { STEP_FIRST_MS = 1, STEP_MAX_MS = 20, LEASE_DEFAULT_MS = 45 * 1000, MARGIN_MS = 1000 };

static const char setting[] = "/proc/sys/fs/lease-break-time";

static bool is_over(const struct patience *patience)
{
    return patience->is_over != NULL && patience->is_over(patience->context);
}

static void pause_for(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static int wait_for_lease(int directory, const char *name, int flags, struct patience *patience)
{
    int64_t began_ms = clock_mono_ms();
    int64_t most_ms = patience->file_ms < patience->left_ms ? patience->file_ms : patience->left_ms;
    int64_t step_ms = STEP_FIRST_MS;
    int64_t waited_ms = 0;
    int fd = -1;
    errno = EWOULDBLOCK;
    while (fd < 0 && errno == EWOULDBLOCK && waited_ms < most_ms && !is_over(patience)) {
        pause_for(step_ms);
        step_ms = 2 * step_ms < STEP_MAX_MS ? 2 * step_ms : STEP_MAX_MS;
        waited_ms = clock_mono_ms() - began_ms;
        fd = openat(directory, name, flags);
    }
    patience->left_ms -= waited_ms < patience->left_ms ? waited_ms : patience->left_ms;
    return fd;
}

int patient_openat(int directory, const char *name, int flags, struct patience *patience)
{
    int fd = openat(directory, name, flags);
    return fd < 0 && errno == EWOULDBLOCK ? wait_for_lease(directory, name, flags, patience) : fd;
}

int64_t patient_open_lease_ms(void)
{
    char text[32] = "";
    CLEANUP(fd_closep) int fd = open(setting, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    long seconds = len <= 0 ? 0 : strtol(text, NULL, 10);
    return (seconds > 0 && seconds <= INT32_MAX ? seconds * 1000 : LEASE_DEFAULT_MS) + MARGIN_MS;
}
