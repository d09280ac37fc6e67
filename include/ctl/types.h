/* What the admin's commands and the program around them tell each other. */
#ifndef CTL_TYPES_H
#define CTL_TYPES_H

#include "config/types.h"
#include "core/error.h"

/* Exit codes, also in the README and --help. */
enum ctl_exit {
    CTL_EXIT_OK = 0,
    CTL_EXIT_FAILED = 1,      /* the operation failed or was refused, or what was waited for failed;
                                 status: something needs a person */
    CTL_EXIT_USAGE = 2,       /* wrong arguments */
    CTL_EXIT_NOT_FOUND = 3,   /* no such app, backup, task, job, node, bucket */
    CTL_EXIT_UNAVAILABLE = 4, /* Redis cannot be reached */
    CTL_EXIT_CONFIG = 5,      /* the configuration cannot be read or is wrong */
    CTL_EXIT_INTERRUPTED = 130 /* SIGINT while waiting: the work goes on */
};

/* Can front end and worker use what the configuration names? Both are out of reach of these
 * commands, who would only know that it can be read. Errors have file, line and key. */
typedef enum status ctl_check_fn(const struct config *config, const struct config_apps *apps,
                                 struct error *err);

#endif
