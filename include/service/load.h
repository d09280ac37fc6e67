/* Load: the line that "systemctl status" shows: "3 running, 12 queued, oldest 4 min, redis 0.4 ms".
 */
#ifndef SERVICE_LOAD_H
#define SERVICE_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct load {
    int64_t running;
    int64_t slots; /* how many may run; 0: not said */
    int64_t queued;
    int64_t oldest_ms;   /* how long the oldest of them has waited */
    int64_t quarantined; /* 0: not said */
    int64_t redis_us;    /* a question and its answer */
};

void load_describe(const struct load *load, char *text, size_t size);

#endif
