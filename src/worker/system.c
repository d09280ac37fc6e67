#include "system.h"

#include <errno.h>

const struct worker_system worker_system = {
    .now_ms = clock_mono_ms,
    .fork = fork,
    .kill = kill,
    .waitpid = waitpid,
};

bool worker_system_reap(const struct worker_system *system, pid_t pid, int *ret_wait_status)
{
    int wait_status = 0;
    pid_t ended;
    do
        ended = system->waitpid(pid, &wait_status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    if (ended != pid)
        return false;
    *ret_wait_status = wait_status;
    return true;
}
