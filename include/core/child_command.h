/* What a child is to do: a command and what it runs as; see core/child.h. */
#ifndef CORE_CHILD_COMMAND_H
#define CORE_CHILD_COMMAND_H

#include "core/cancel.h"

#include <stdbool.h>
#include <stdint.h>

/* PATH is the one in the command's environment, or CHILD_PATH. */
#define CHILD_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct child_command {
    const char *const *argv;        /* NULL-terminated; argv[0] is a path or is looked up in PATH */
    const char *const *environment; /* NULL-terminated "NAME=value"; nothing else is inherited */
    const char *user;               /* NULL: stay who we are */
    const char *directory;          /* NULL: "/" */
    int64_t timeout_ms;             /* > 0 */
    int64_t grace_ms;               /* between SIGTERM and SIGKILL; 0: CHILD_GRACE_MS */
    int64_t cancel_grace_ms;        /* in place of grace_ms when cancelled; 0: grace_ms */
    const struct cancel *cancel;    /* may be NULL: cannot be cancelled */
    bool leave_group;               /* background processes of a successful command may live on */
};

#endif
