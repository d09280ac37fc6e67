/*
 * Worker: the supervisor of a node, and the job process it starts for each claim.
 *
 * Supervisor  It registers node, apps and buckets; claims up to `slots` jobs, woken by wake:<node>,
 *             at most 1 s late; runs this very program with --job for each; and unwinds what a dead
 *             one left. SIGTERM ends it after its jobs have handed back their claims, SIGHUP makes
 *             it read the configuration again. There is one per state directory.
 * Job         It has one claim, which it reads from Redis; it runs the stages and renews the lease
 *             from a thread of its own, so that a stopped process loses it. Every write carries the
 *             epoch. The death of its supervisor is its SIGTERM: it unwinds, hands the claim back
 *             and ends.
 * Exit        The exit code of a job, enum worker_exit, and Redis are all where the two meet.
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

/* Checks what a worker cannot start without: the configuration, the apps and the master key. */
enum status worker_check(const char *config_path, struct error *err) MUST_CHECK;

/* Checks what worker_check() checks and, besides, what only some jobs need, so that a worker
 * starts without it and these jobs fail: exclude patterns, credentials and certificates of buckets.
 * What is refused is named with file, line and key. */
enum status worker_check_all(const char *config_path, struct error *err) MUST_CHECK;

/* Checks what worker_check_all() checks, of what was loaded, and with the rights of whoever calls
 * it: another user may be allowed more, or less. */
enum status worker_check_loaded(const struct config *config, const struct config_apps *apps,
                                struct error *err) MUST_CHECK;

/* Runs the supervisor until SIGTERM or SIGINT. program: the path to start jobs with, e.g.
 * /proc/self/exe. */
enum status worker_supervise(const char *program, const char *config_path, struct error *err)
    MUST_CHECK;

/* Runs a job process. keys: the descriptor of the channel from which the job gets the key of its
 * repository, and to which it gives one that it had to derive; -1: there is none. Returns the exit
 * code. */
int worker_run_job(const char *config_path, const char *job, int64_t epoch, int keys);

/* Unwinds everything that dead jobs of this node left; what those of a living worker need is not
 * touched. Jobs that have outlived their worker are waited for, and ended when they hang. It is
 * meant for a boot unit or ExecStopPost=. */
enum status worker_recover(const char *config_path, struct error *err) MUST_CHECK;

#endif
