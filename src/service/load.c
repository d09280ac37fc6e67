#include "service/load.h"

#include <inttypes.h>
#include <stdio.h>

enum { AGE_SIZE = 32, PART_SIZE = 64 };

/* In the unit that a person would take. */
static void describe_age(int64_t ms, char text[AGE_SIZE])
{
    const int64_t minute = 60;
    const int64_t hour = 60 * minute;
    const int64_t day = 24 * hour;
    int64_t seconds = ms > 0 ? ms / 1000 : 0;
    if (seconds < 2 * minute)
        (void)snprintf(text, AGE_SIZE, "%" PRId64 " s", seconds);
    else if (seconds < 2 * hour)
        (void)snprintf(text, AGE_SIZE, "%" PRId64 " min", seconds / minute);
    else if (seconds < 2 * day)
        (void)snprintf(text, AGE_SIZE, "%" PRId64 " h", seconds / hour);
    else
        (void)snprintf(text, AGE_SIZE, "%" PRId64 " d", seconds / day);
}

void load_describe(const struct load *load, char *text, size_t size)
{
    char slots[PART_SIZE] = "";
    char oldest[PART_SIZE] = "";
    char quarantined[PART_SIZE] = "";
    if (load->slots > 0)
        (void)snprintf(slots, sizeof(slots), " of %" PRId64, load->slots);
    if (load->queued > 0) {
        char age[AGE_SIZE];
        describe_age(load->oldest_ms, age);
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
