/*
 * Bandwidth: how many bytes per second all transfers of a process may move, each way. A token
 * bucket: a short burst is free, then whoever takes waits until what was taken before has had its
 * time. Nothing is held while waiting, so a new limit counts at once, for those who wait as well.
 *
 * Units     bytes per second; 0: no limit
 * Threads   any may call anything
 */
#ifndef CORE_BANDWIDTH_H
#define CORE_BANDWIDTH_H

#include "core/cancel.h"
#include "core/cleanup.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum bandwidth_way { BANDWIDTH_UPLOAD, BANDWIDTH_DOWNLOAD, BANDWIDTH_WAYS };

/* So small that a server does not take the pauses between for an end. */
enum { BANDWIDTH_STEP_BYTES = 16384 };

struct bandwidth;

/* Without limits at first. Caller owns *ret_bandwidth. */
enum status bandwidth_new(struct bandwidth **ret_bandwidth, struct error *err) MUST_CHECK;
void bandwidth_free(struct bandwidth *bandwidth); /* NULL is a no-op; nobody may be waiting */
DEFINE_CLEANUP(struct bandwidth *, bandwidth_free)

void bandwidth_set(struct bandwidth *bandwidth, int64_t upload, int64_t download);

/* How many of `bytes` (> 0) may be moved now: all without a limit, and of a NULL; at most
 * BANDWIDTH_STEP_BYTES with one, after a wait, whose ms are added to *waited_ms. Returns early when
 * cancelled, which the caller finds out by itself. cancel may be NULL. */
size_t bandwidth_take(struct bandwidth *bandwidth, enum bandwidth_way way, size_t bytes,
                      const struct cancel *cancel, int64_t *waited_ms);

#endif
