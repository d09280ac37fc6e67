/*
 * Child: one command in its own process group, with a user, an environment, a deadline and bounded
 * output, waited for. SIGTERM at the deadline or on cancel, SIGKILL to the whole group after
 * CHILD_GRACE_MS; the group is also killed when the command itself has ended, so that nothing which
 * it left in the background with its group id goes on - unless leave_group is set.
 *
 * Input     stdin is /dev/null; output and errors go to one pipe, of which the last output_max
 * bytes are kept. All other descriptors are closed (close_range(2)). Errors    NOT_FOUND: no such
 * command or user; FORBIDDEN: cannot execute or become the user. A command that ran and failed is
 * not an error: it is the result.
 */
#ifndef CORE_CHILD_H
#define CORE_CHILD_H

#include "core/cancel.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHILD_OUTPUT_MAX = 4096, CHILD_GRACE_MS = 5000 };

struct child_command {
    const char *const *argv;        /* NULL-terminated; argv[0] is a path or is looked up in PATH */
    const char *const *environment; /* NULL-terminated "NAME=value"; nothing else is inherited */
    const char *user;               /* NULL: stay who we are */
    const char *directory;          /* NULL: "/" */
    int64_t timeout_ms;             /* > 0 */
    int64_t grace_ms;               /* between SIGTERM and SIGKILL; 0: CHILD_GRACE_MS */
    const struct cancel *cancel;    /* may be NULL: cannot be cancelled */
    bool leave_group;               /* background processes of a successful command may live on */
};

struct child_result {
    int exit_code;  /* -1 when a signal ended it */
    int signal;     /* 0 unless a signal ended it */
    bool timed_out; /* we ended it, at the deadline */
    bool canceled;  /* we ended it, on request */
    int64_t duration_ms;
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
