#include "death.h"

#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static struct death exited(int code)
{
    struct death death = {.kind = DEATH_KILLED};
    switch (code) {
    case WORKER_EXIT_FINISHED:
    case WORKER_EXIT_LOST:
        death.kind = DEATH_NONE;
        break;
    case WORKER_EXIT_UNFINISHED:
        death.kind = DEATH_RETURNS;
        (void)snprintf(death.evidence, sizeof(death.evidence),
                       "ended without Redis, which was away");
        return death;
    case WORKER_EXIT_CONFIG:
        death.kind = DEATH_RETURNS;
        (void)snprintf(death.evidence, sizeof(death.evidence),
                       "could not read the configuration of its node");
        return death;
    default:
        break;
    }
    (void)snprintf(death.evidence, sizeof(death.evidence), "exit code %d", code);
    return death;
}

struct death death_of(int wait_status, bool stopped)
{
    if (WIFEXITED(wait_status))
        return exited(WEXITSTATUS(wait_status));

    struct death death = {.kind = DEATH_KILLED};
    int number = WTERMSIG(wait_status);
    (void)snprintf(death.evidence, sizeof(death.evidence), "killed by signal %d", number);
    if (stopped && number == SIGKILL) {
        death.kind = DEATH_RETURNS;
        (void)snprintf(death.evidence, sizeof(death.evidence),
                       "did not stop in time with its worker");
    }
    return death;
}

void death_add_stage(struct death *death, const char *stage)
{
    size_t used = strlen(death->evidence);
    if (stage[0] != '\0')
        (void)snprintf(death->evidence + used, sizeof(death->evidence) - used, " in stage %.40s",
                       stage);
}
