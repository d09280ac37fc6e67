/* The first half of core/child.h: from a command to a running process. */
#ifndef CORE_CHILD_START_H
#define CORE_CHILD_START_H

#include "core/child_command.h"
#include "core/error.h"

#include <sys/types.h>

/* All descriptors are close-on-exec and non-blocking; -1: not open. */
struct child_process {
    pid_t pid; /* and of its group */
    int pidfd;
    int output_fd;
    int report_fd; /* says why the command could not be executed, or nothing */
};

enum status child_start(const struct child_command *command, struct child_process *ret_process,
                        struct error *err) MUST_CHECK;

/* After the process has ended: was the command executed at all? */
enum status child_was_executed(const struct child_command *command,
                               const struct child_process *process, struct error *err) MUST_CHECK;

void child_process_done(struct child_process *process); /* closes; does not wait */

#endif
