/*
 * Conclusion: what becomes of a claim when the work on it has ended. The outcome is decided, logged
 * and told to Redis, and the exit code of the job process follows.
 *
 * Redis     An unreachable Redis is asked again for as long as the claim lasts.
 */
#ifndef WORKER_CONCLUSION_H
#define WORKER_CONCLUSION_H

#include "core/error.h"
#include "run.h"

/* Stops the lease. status and cause say how the work has ended; cause is not looked at when that is
 * OK. Returns the exit code, an enum worker_exit. */
int conclude(struct run *run, enum status status, const struct error *cause);

#endif
