/*
 * The supervisor's state, and what its loop (supervisor.c) does with it, by subject:
 *   children.c  the ends of job processes, and telling Redis about them
 *   duties.c    register, helpers, heartbeat, maintenance, sweep, claim, and the wake-up channel
 *   reload.c    a new configuration
 *   groups.c    the cgroups of jobs
 *   pulse.c     what the service manager hears
 */
#ifndef WORKER_SUPERVISOR_H
#define WORKER_SUPERVISOR_H

#include "core/error.h"
#include "helper_process.h"
#include "job_lock.h"
#include "key_ring.h"
#include "node_config.h"
#include "service/cgroups.h"
#include "slots.h"
#include "store/blocking.h"
#include "store/wake.h"
#include "system.h"

#include <stdbool.h>
#include <stdint.h>

enum { SUPERVISOR_RETRY_MS = 1000 }; /* after a failure of Redis */

struct supervisor_pulse {
    bool silent;        /* Redis, when it is away: it hangs */
    const char *fault;  /* why the last sign of life was left out; NULL: it was not */
    int64_t lag_ms;     /* the longest turn of the loop since the last sign of life */
    int64_t claimed_ms; /* monotonic, as all below: the last complete look into the queue */
    int64_t look_ms, beat_ms, patience_ms; /* when they are due */
};

struct supervisor {
    const struct worker_system *system;
    const char *program;
    const char *config_path;
    char name[80]; /* in job:<id>, for people */
    struct node_config node;
    struct store *store;
    struct store_wake *wake; /* NULL: to be opened again */
    struct slots slots;
    struct key_ring *keys;
    struct cgroups *cgroups; /* NULL: jobs have no groups of their own */
    struct job_lock lock;
    int signals;
    struct helper helpers[HELPER_COUNT];
    bool away; /* Redis was, at the last look */
    bool stopping;
    struct supervisor_pulse pulse;
    int64_t stop_kill_ms; /* all deadlines are monotonic */
    int64_t claim_ms, heartbeat_ms, register_ms, maintain_ms, retry_ms, wake_ms;
};

/* Returns true once per period: the first time at once, then when the deadline has come. */
bool supervisor_is_due(const struct supervisor *supervisor, int64_t *deadline_ms,
                       int64_t period_ms);

/* Remembers what keys the jobs have given back. */
void supervisor_take_keys(struct supervisor *supervisor);

/* Passes on what the jobs have written to their stderr. */
void supervisor_forward_output(struct supervisor *supervisor);

/* Takes note of processes that have ended. */
void supervisor_reap(struct supervisor *supervisor);
void supervisor_signal_jobs(struct supervisor *supervisor, int number);

/* Begins to stop, or is in haste: nothing is claimed any more, and the jobs hand back their claims.
 */
void supervisor_stop(struct supervisor *supervisor);

/* True when there is nothing left to wait for, or no time. Kills the jobs that have not stopped
 * when they should have. */
bool supervisor_has_stopped(struct supervisor *supervisor);

/* A group is made for a job whose process is about to be started. When the job has ended, whatever
 * it has left there is killed; a sweep removes the groups that nobody uses. */
int supervisor_make_group(const struct supervisor *supervisor, const char *name);
void supervisor_end_group(const struct supervisor *supervisor, const char *name);
void supervisor_sweep_groups(struct supervisor *supervisor);

/* One duty towards Redis, if it is due. An error means that Redis is away. */
typedef enum status supervisor_duty_fn(struct supervisor *supervisor, struct error *err);
supervisor_duty_fn supervisor_report_ends, supervisor_register, supervisor_run_askers,
    supervisor_heartbeat, supervisor_maintain, supervisor_claim, supervisor_sample_jobs;

/* All duties that are due, in their order. After one that fails Redis is away: the rest waits, and
 * SUPERVISOR_RETRY_MS pass until the next attempt. */
void supervisor_catch_up(struct supervisor *supervisor);

/* Runs the helpers that need Redis, or those that do not. */
void supervisor_run_helpers(struct supervisor *supervisor, bool needs_redis);

void supervisor_open_wake(struct supervisor *supervisor);
void supervisor_close_wake(struct supervisor *supervisor);
void supervisor_on_wake(struct supervisor *supervisor);

/* The pulse is told that the supervisor has started, that a turn of the loop that began at that
 * time has ended, that Redis has failed, and that a stop begins. */
void supervisor_pulse_start(struct supervisor *supervisor);
void supervisor_pulse_turn(struct supervisor *supervisor, int64_t began_ms);
void supervisor_pulse_store(struct supervisor *supervisor, const struct error *failure);
void supervisor_pulse_stop(const struct supervisor *supervisor);

/* Reads the configuration again, and keeps the old one when the new one cannot be used. */
void supervisor_reload(struct supervisor *supervisor);

#endif
