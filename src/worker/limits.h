/*
 * Limits: the bandwidth of a job process, as the configuration says now. The supervisor sends
 * SIGUSR1 to its jobs when it has read the configuration again; a thread of the job waits for it
 * with signalfd(2), which needs SIGUSR1 to be blocked in all threads (signals.h).
 */
#ifndef WORKER_LIMITS_H
#define WORKER_LIMITS_H

#include "core/bandwidth.h"
#include "core/error.h"
#include "model/bucket.h"

struct limits;

/* Starts with the limits of the bucket. config_path is borrowed. Caller owns *ret_limits. */
enum status limits_start(const char *config_path, const struct bucket_definition *bucket,
                         struct limits **ret_limits, struct error *err) MUST_CHECK;
void limits_free(struct limits *limits); /* ends the thread; NULL is a no-op */
DEFINE_CLEANUP(struct limits *, limits_free)

struct bandwidth *limits_bandwidth(const struct limits *limits);

#endif
