/*
 * Leftovers: undo records of jobs that nobody works on. Hooks that are owed since they have failed
 * are tried again, ever less often. What a restore has put beside the volumes is kept for its next
 * attempt; where Redis says that there will be none, since the job has ended elsewhere, was
 * canceled while it waited, or was forgotten, it is removed. A process of its own does it, since
 * that may take long.
 */
#ifndef WORKER_LEFTOVERS_H
#define WORKER_LEFTOVERS_H

#include "core/error.h"
#include "node_config.h"
#include "slots.h"

#include <stdbool.h>
#include <sys/types.h>

enum { LEFTOVERS_ROUTINE_MS = 10000, LEFTOVERS_AGAIN_MS = 2000 };

/* Is there a record of a job that none of the slots is about? */
bool leftovers_may_exist(const struct node_config *node, const struct slots *slots);

/* Exit code 0: all of them are settled. It dies with the supervisor. */
enum status leftovers_start(const struct node_config *node, pid_t *ret_pid, struct error *err)
    MUST_CHECK;

#endif
