/*
 * Cgroups: a group for each job below the one that the service manager has delegated to us.
 *
 * Shapes    <unit>/supervisor   ourselves: a group whose sub-groups have controllers has no process
 *           <unit>/job-<name>   the process of a job, and all that its hooks start
 * Backing   cgroup v2; the attribute "delegate" that systemd gives to the group (Delegate=yes).
 *           Where it has not, e.g. started by hand, there are no groups: a struct cgroups * is
 *           NULL, and everything below does nothing.
 * Errors    none that would keep a job from running: a weight that cannot be set is not set
 * Threads   one
 * Source    Documentation/admin-guide/cgroup-v2.rst of Linux; "Control Group APIs and Delegation"
 *           of systemd
 */
#ifndef SERVICE_CGROUPS_H
#define SERVICE_CGROUPS_H

#include "core/cleanup.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct cgroups;

struct cgroup_limits {
    int64_t cpu_weight; /* 1-10000 */
    int64_t io_weight;
    int64_t memory_high_bytes; /* 0: none */
};

/* *ret_cgroups NULL: nothing is delegated to us. Moves this process into "supervisor". Caller owns
 * *ret_cgroups. */
enum status cgroups_open(struct cgroups **ret_cgroups, struct error *err) MUST_CHECK;
void cgroups_close(struct cgroups *cgroups);
DEFINE_CLEANUP(struct cgroups *, cgroups_close)

/* The group of that name, made if need be. A descriptor for cgroups_enter(), or -1: there is none.
 * The caller closes it. */
int cgroups_make(const struct cgroups *cgroups, const char *name,
                 const struct cgroup_limits *limits);

/* The calling process goes there, and what it starts from then on. Safe between fork and exec. */
void cgroups_enter(int group);

/* What all that were ever in it have used. */
struct cgroup_usage {
    int64_t cpu_ms;
    int64_t memory_peak_bytes; /* -1: not counted here */
};

/* False: there is no such group. */
bool cgroups_usage(const struct cgroups *cgroups, const char *name, struct cgroup_usage *ret_usage);

/* SIGKILL to all that are in it. */
void cgroups_kill(const struct cgroups *cgroups, const char *name);

typedef bool cgroups_used_fn(void *context, const char *name);

/* Kills what is in groups that nobody uses, and removes those that are empty. NULL: none is used.
 */
void cgroups_sweep(const struct cgroups *cgroups, cgroups_used_fn *is_used, void *context);

#endif
