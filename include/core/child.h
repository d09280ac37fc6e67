/*
 * Child: one command in its own process group, with a user, an environment, a deadline and bounded
 * output, waited for.
 *
 * End       SIGTERM to the group at the deadline or on cancel; SIGKILL after the grace, or as
 *           soon as the command has ended and nothing holds its output any more. The group is also
 *           killed when the command has ended by itself, so that nothing which it left in the
 *           background goes on - unless it succeeded and leave_group is set.
 * Death     if the calling thread dies, the kernel sends the command (not its children) SIGKILL:
 *           whoever unwinds after a killed job must not meet a freeze that is still at work.
 * Input     stdin is /dev/null; output and errors go to one pipe, of which the last
 *           CHILD_OUTPUT_MAX bytes are kept. It is closed when the command has ended: a background
 *           process that goes on writing there gets SIGPIPE. All other descriptors are closed. The
 *           umask is 0022, whatever ours is.
 * Errors    NOT_FOUND: no such command, user or directory; FORBIDDEN: cannot execute or become the
 *           user; INVALID: not a program; what cancel_check() says if cancelled before the start;
 *           TIMEOUT: it hangs in the kernel, and not even SIGKILL ends it. A command that ran and
 *           failed is not an error: it is the result.
 * Threads   others may run: between fork and exec only async-signal-safe calls are made. SIGCHLD
 *           must not be ignored, and nobody else may wait for any child (waitpid(-1)).
 */
#ifndef CORE_CHILD_H
#define CORE_CHILD_H

#include "core/child_command.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHILD_OUTPUT_MAX = 4096, CHILD_GRACE_MS = 5000 };

struct child_result {
    int exit_code;  /* -1 when a signal ended it */
    int signal;     /* 0 unless a signal ended it */
    bool timed_out; /* we ended it, at the deadline */
    bool canceled;  /* we ended it, on request */
    int64_t timeout_ms;
    int64_t duration_ms; /* with the time it took to end it */
    size_t output_len;
    char output[CHILD_OUTPUT_MAX + 1]; /* its tail; NUL-terminated, any bytes */
};

enum status child_run(const struct child_command *command, struct child_result *ret_result,
                      struct error *err) MUST_CHECK;

/* True only for exit code 0 in time. */
bool child_succeeded(const struct child_result *result);

/* "exit code 3", "killed by signal 9", "no end after 1500 ms": for people. */
void child_describe(const struct child_result *result, char *text, size_t size);

#endif
