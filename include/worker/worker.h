/*
 * Worker: the supervisor of a node, and the job process it starts for each claim.
 *
 * Supervisor  registers node, apps and buckets; claims up to `slots` jobs, woken by wake:<node>, at
 *             most 1 s late; runs this very program with --job for each; unwinds what a dead one
 *             left; SIGTERM ends it after its jobs have handed back their claims, SIGHUP reads the
 *             configuration again. One per state directory.
 * Job         one claim: reads it from Redis, runs the stages, renews the lease from a thread of
 *             its own, so that a stopped process loses it; every write carries the epoch. Its
 *             supervisor's death is its SIGTERM: it unwinds, hands the claim back and ends.
 * Exit        enum worker_exit below, the only meeting point of the two beside Redis.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "config/config.h"
#include "core/error.h"

#include <stdint.h>

/* Exit codes of a job process. */
enum worker_exit {
    WORKER_EXIT_FINISHED = 0,    /* the claim has been finished in Redis, whatever its outcome */
    WORKER_EXIT_UNFINISHED = 75, /* ended in order, but Redis could not be told */
    WORKER_EXIT_LOST = 76,       /* the claim is another's */
    WORKER_EXIT_CONFIG = 78      /* nothing was begun: the configuration cannot be read */
};

/* Can the configuration, the apps and the master key be used? What a worker cannot start without.
 */
enum status worker_check(const char *config_path, struct error *err) MUST_CHECK;

/* And what it starts without, since only some of its jobs need it, and these fail: exclude
 * patterns, credentials and certificates of buckets. Errors have file, line and key. */
enum status worker_check_all(const char *config_path, struct error *err) MUST_CHECK;

/* The same of what was loaded, by whoever calls it: another user may be allowed more, or less. */
enum status worker_check_loaded(const struct config *config, const struct config_apps *apps,
                                struct error *err) MUST_CHECK;

/* Until SIGTERM or SIGINT. program: the path to start jobs with, e.g. /proc/self/exe. */
enum status worker_supervise(const char *program, const char *config_path, struct error *err)
    MUST_CHECK;

/* keys: the descriptor of the channel from which the job gets the key of its repository, and to
 * which it gives one that it had to derive; -1: none. Returns the exit code. */
int worker_run_job(const char *config_path, const char *job, int64_t epoch, int keys);

/* Unwind everything that dead jobs of this node left; what those of a living worker need is not
 * touched. Jobs that have outlived their worker are waited for, and ended when they hang. For a
 * boot unit or ExecStopPost=. */
enum status worker_recover(const char *config_path, struct error *err) MUST_CHECK;

#endif
