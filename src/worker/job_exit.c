#include "job_exit.h"

#include "core/cleanup.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OUTPUT_MAX = 384,  /* so that it fits with what comes before it */
    PIPE_BYTES = 65536 /* the default of pipe(7): one read takes all there is */
};

static struct job_exit ended_by_itself(int code)
{
    struct job_exit end = {.kind = JOB_EXIT_KILLED};
    switch (code) {
    case WORKER_EXIT_FINISHED:
    case WORKER_EXIT_LOST:
        end.kind = JOB_EXIT_NONE;
        break;
    case WORKER_EXIT_UNFINISHED:
        end.kind = JOB_EXIT_RETURNS;
        (void)snprintf(end.evidence, sizeof(end.evidence), "ended without Redis, which was away");
        return end;
    case WORKER_EXIT_CONFIG:
        end.kind = JOB_EXIT_RETURNS;
        (void)snprintf(end.evidence, sizeof(end.evidence),
                       "could not read the configuration of its node");
        return end;
    default:
        break;
    }
    (void)snprintf(end.evidence, sizeof(end.evidence), "exit code %d", code);
    return end;
}

struct job_exit job_exit_of(int wait_status, bool stopped)
{
    if (WIFEXITED(wait_status))
        return ended_by_itself(WEXITSTATUS(wait_status));

    struct job_exit end = {.kind = JOB_EXIT_KILLED};
    int number = WTERMSIG(wait_status);
    (void)snprintf(end.evidence, sizeof(end.evidence), "killed by signal %d", number);
    if (stopped && number == SIGKILL) {
        end.kind = JOB_EXIT_RETURNS;
        (void)snprintf(end.evidence, sizeof(end.evidence), "did not stop in time with its worker");
    }
    return end;
}

void job_exit_add_stage(struct job_exit *end, const char *stage)
{
    size_t used = strlen(end->evidence);
    if (stage[0] != '\0')
        (void)snprintf(end->evidence + used, sizeof(end->evidence) - used, " in stage %.40s",
                       stage);
}

/* Returns the part of the output that there is room for: whole lines, if it has more than one. */
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

void job_exit_add_output(struct job_exit *end, const char *tail, size_t len)
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
    size_t used = strlen(end->evidence);
    (void)snprintf(end->evidence + used, sizeof(end->evidence) - used, "; last output: %s", line);
}

enum status job_output_open(struct job_output *output, int *ret_end, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return FAIL_ERRNO(err, "a pipe for the output of a job");
    CLEANUP(fd_closep) int reading = ends[0];
    CLEANUP(fd_closep) int writing = ends[1];
    if (fcntl(reading, F_SETFL, O_NONBLOCK) != 0)
        return FAIL_ERRNO(err, "a pipe that does not block");
    output->fd = STEAL_FD(reading);
    output->len = 0;
    *ret_end = STEAL_FD(writing);
    return STATUS_OK;
}

static void keep_tail(struct job_output *output, const char *bytes, size_t len)
{
    if (len > sizeof(output->tail)) {
        bytes += len - sizeof(output->tail);
        len = sizeof(output->tail);
    }
    size_t room = sizeof(output->tail) - len;
    size_t kept = output->len < room ? output->len : room;
    memmove(output->tail, output->tail + output->len - kept, kept);
    memcpy(output->tail + kept, bytes, len);
    output->len = kept + len;
}

static void write_on(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(STDERR_FILENO, bytes, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return; /* nobody is listening: there is no better place to say so */
        bytes += done;
        len -= (size_t)done;
    }
}

void job_output_pass_on(struct job_output *output)
{
    static char bytes[PIPE_BYTES];
    while (output->fd >= 0) {
        ssize_t got = read(output->fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return;
        if (got == 0)
            job_output_close(output);
        keep_tail(output, bytes, (size_t)got);
        write_on(bytes, (size_t)got);
    }
}

void job_output_close(struct job_output *output)
{
    fd_closep(&output->fd);
    output->fd = -1;
}
