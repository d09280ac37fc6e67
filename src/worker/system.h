/*
 * System: what the worker's decisions reach outside of it, behind function pointers: the clock,
 * processes, and calls to Redis. Tests put their own table in its place, and need neither Redis nor
 * processes nor sleeps.
 *
 * Units     *_ms are milliseconds, monotonic.
 */
#ifndef WORKER_SYSTEM_H
#define WORKER_SYSTEM_H

#include "core/clock.h"
#include "registration.h"
#include "store/blocking.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker_system {
    __typeof__(clock_mono_ms) *now_ms;
    void (*pause)(int64_t ms); /* waits so long */
    __typeof__(fork) *fork;
    __typeof__(kill) *kill;
    __typeof__(waitpid) *waitpid;
    /* Redis: the functions of store/blocking.h, and what is made of them. */
    __typeof__(registration_run) *register_node;
    __typeof__(store_job_get) *job_get;
    __typeof__(store_job_claim) *job_claim;
    __typeof__(store_job_renew) *job_renew;
    __typeof__(store_job_advance) *job_advance;
    __typeof__(store_job_finish) *job_finish;
    __typeof__(store_job_died) *job_died;
    __typeof__(store_sweep) *sweep;
    __typeof__(store_node_heartbeat) *node_heartbeat;
    __typeof__(store_maintenance_queue) *maintenance_queue;
};

/* The real system. */
extern const struct worker_system worker_system;

/* Has this process ended? Reaps it if so; *ret_wait_status is that of waitpid(2). */
bool worker_system_reap(const struct worker_system *system, pid_t pid, int *ret_wait_status);

#endif
