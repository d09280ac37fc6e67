/*
 * Probe: whether the node's S3 buckets can be used, asked in a process of its own, since a server
 * may hang and the supervisor must not; registered in Redis as soon as each is known.
 */
#ifndef WORKER_PROBE_H
#define WORKER_PROBE_H

#include "core/error.h"
#include "node_config.h"

#include <sys/types.h>

enum {
    PROBE_AGAIN_MS = 30000,    /* when one has failed */
    PROBE_ROUTINE_MS = 600000, /* when all is well: each asks the server four things */
    PROBE_DEADLINE_MS = 300000 /* then it is killed */
};

/* *ret_pid: 0 if there is nothing to look at. It dies with us. */
enum status probe_start(const struct node_config *node, pid_t *ret_pid, struct error *err)
    MUST_CHECK;

/* In how many ms to look again, after a probe with this wait status of waitpid(2). */
int64_t probe_again_ms(int wait_status);

#endif
