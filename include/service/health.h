/*
 * Health: what the service manager is told of a process: whether it is alive, and how much it has to
 * do. A process that only turns its loop is not alive: it must get answers, and its work must move.
 * What a restart cannot mend is no fault: a Redis that is away is waited for.
 */
#ifndef SERVICE_HEALTH_H
#define SERVICE_HEALTH_H

#include <stddef.h>
#include <stdint.h>

enum {
    HEALTH_LAG_MAX_MS = 5000,
    HEALTH_CLAIM_MAX_MS = 30000,
    /* Above all time-outs and retries that an upload has. */
    HEALTH_STALL_MAX_MS = 15 * 60 * 1000
};

enum health_redis {
    HEALTH_REDIS_ANSWERS = 0,
    HEALTH_REDIS_AWAY,  /* no connection, or it says no */
    HEALTH_REDIS_SILENT /* it takes our connections and does not answer */
};

struct health {
    int64_t lag_ms; /* how late the loop was, at worst, since the last look */
    enum health_redis redis;
    int64_t
        unclaimed_ms; /* since all that was asked about claims was answered; 0: claims nothing */
    size_t moving;    /* jobs that move, or are in a stage in which nothing has to */
    size_t stalled;   /* jobs of which no byte has moved for HEALTH_STALL_MAX_MS */
};

/* What is wrong, in words; NULL: nothing. A job that hangs beside others that do not has its own
 * deadline, and is no reason to end them. */
const char *health_find_fault(const struct health *health);

/* Tells the service manager that we are alive, unless there is a fault, which is kept in *fault
 * (NULL at first) for the next beat. The fault, if there was none before: to be told to people
 * once, not with every beat; else NULL. */
const char *health_beat(const struct health *health, const char **fault);

struct load {
    int64_t running;
    int64_t slots; /* how many may run; 0: not said */
    int64_t queued;
    int64_t oldest_ms;   /* how long the oldest of them has waited */
    int64_t quarantined; /* 0: not said */
    int64_t redis_us;    /* a question and its answer */
};

/* The line that "systemctl status" shows: "3 running, 12 queued, oldest 4 min, redis 0.4 ms". */
void load_describe(const struct load *load, char *text, size_t size);

#endif
