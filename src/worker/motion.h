/*
 * Motion: does a job get anywhere? As seen in Redis, where its callers look as well: a thread that
 * goes on renewing a lease beside work that hangs deceives nobody.
 */
#ifndef WORKER_MOTION_H
#define WORKER_MOTION_H

#include <stdbool.h>
#include <stdint.h>

struct motion {
    int64_t bytes;
    int64_t moved_ms; /* monotonic: when they were seen to change, or did not have to */
};

/* Bytes have to move in this stage: in others there may be nothing to count. */
bool motion_is_expected(const char *stage);

void motion_note(struct motion *motion, const char *stage, int64_t bytes, int64_t now_ms);
bool motion_has_stalled(const struct motion *motion, int64_t now_ms);

#endif
