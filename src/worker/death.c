#include "death.h"

#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { OUTPUT_MAX = 384 }; /* so that it fits with what comes before it */

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

/* The part of the output that there is room for: whole lines, if it has more than one. */
static const char *last_lines(const char *tail, size_t *len)
{
    while (*len > 0 && tail[*len - 1] == '\n')
        (*len)--;
    if (*len <= OUTPUT_MAX)
        return tail;
    const char *end = tail + *len;
    const char *first = end - OUTPUT_MAX;
    const char *line = memchr(first, '\n', OUTPUT_MAX);
    first = line == NULL ? first : line + 1;
    *len = (size_t)(end - first);
    return first;
}

void death_add_output(struct death *death, const char *tail, size_t len)
{
    char line[OUTPUT_MAX + 1];
    const char *last = last_lines(tail, &len);
    if (len == 0)
        return;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)last[i];
        bool is_control = byte < ' ' || byte == 0x7f;
        line[i] = last[i];
        if (is_control)
            line[i] = ' ';
    }
    line[len] = '\0';
    size_t used = strlen(death->evidence);
    (void)snprintf(death->evidence + used, sizeof(death->evidence) - used, "; last output: %s",
                   line);
}
