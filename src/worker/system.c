#include "system.h"

#include <errno.h>
#include <time.h>

static void pause_ms(int64_t ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

const struct worker_system worker_system = {
    .now_ms = clock_mono_ms,
    .pause = pause_ms,
    .fork = fork,
    .kill = kill,
    .waitpid = waitpid,
    .register_node = registration_run,
    .job_get = store_job_get,
    .job_claim = store_job_claim,
    .job_renew = store_job_renew,
    .job_advance = store_job_advance,
    .job_finish = store_job_finish,
    .job_died = store_job_died,
    .sweep = store_sweep,
    .node_heartbeat = store_node_heartbeat,
    .maintenance_queue = store_maintenance_queue,
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
