#include "service/load.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>

enum { PART_SIZE = 64 };

void load_describe(const struct load *load, char *text, size_t size)
{
    char slots[PART_SIZE] = "";
    char oldest[PART_SIZE] = "";
    char quarantined[PART_SIZE] = "";
    if (load->slots > 0)
        (void)snprintf(slots, sizeof(slots), " of %" PRId64, load->slots);
    if (load->queued > 0) {
        char age[CLOCK_DURATION_SIZE];
        clock_describe(load->oldest_ms, age);
        (void)snprintf(oldest, sizeof(oldest), ", oldest %s", age);
    }
    if (load->quarantined > 0)
        (void)snprintf(quarantined, sizeof(quarantined), ", %" PRId64 " in quarantine",
                       load->quarantined);
    (void)snprintf(text, size,
                   "%" PRId64 "%s running, %" PRId64 " queued%s%s, redis %" PRId64 ".%" PRId64
                   " ms",
                   load->running, slots, load->queued, oldest, quarantined, load->redis_us / 1000,
                   load->redis_us % 1000 / 100);
}
