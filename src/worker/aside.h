/*
 * Aside: a function in a short-lived process of its own, for what may hang and must not hold up the
 * supervisor. It has none of the supervisor's descriptors, and ends with it.
 */
#ifndef WORKER_ASIDE_H
#define WORKER_ASIDE_H

#include "core/error.h"
#include "node_config.h"

#include <sys/types.h>

/* Its result is the exit code. */
typedef int aside_main_fn(const struct node_config *node);

/* The caller waits for *ret_pid. */
enum status aside_start(aside_main_fn *main, const struct node_config *node, pid_t *ret_pid,
                        struct error *err) MUST_CHECK;

#endif
