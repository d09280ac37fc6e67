/*
 * Stall watch: does a job get anywhere? Its bytes are read from Redis, where its callers look as
 * well: a thread that goes on renewing a lease beside work that hangs deceives nobody. The
 * supervisor leaves out its signs of life while jobs have stalled (pulse.c).
 */
#ifndef WORKER_STALL_WATCH_H
#define WORKER_STALL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct stall_watch {
    int64_t bytes;
    int64_t moved_ms; /* monotonic: when they were seen to change, or did not have to */
};

/* True for a stage in which bytes have to move; in others there may be nothing to count. */
bool stall_watch_expects_bytes(const char *stage);

/* Takes note of how many bytes a job in this stage has done. */
void stall_watch_note(struct stall_watch *watch, const char *stage, int64_t bytes, int64_t now_ms);
bool stall_watch_has_stalled(const struct stall_watch *watch, int64_t now_ms);

#endif
