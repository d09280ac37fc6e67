#include "job_output.h"

#include "core/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PIPE_BYTES = 65536 }; /* the default of pipe(7): one read takes all there is */

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
