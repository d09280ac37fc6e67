#include "service/health.h"

#include "core/clock.h"
#include "service/notify.h"

#include <inttypes.h>
#include <stdio.h>

const char *health_find_fault(const struct health *health)
{
    if (health->lag_ms > HEALTH_LAG_MAX_MS)
        return "the loop is late";
    if (health->redis == HEALTH_REDIS_SILENT)
        return "redis does not answer";
    if (health->redis == HEALTH_REDIS_ANSWERS && health->unclaimed_ms > HEALTH_CLAIM_MAX_MS)
        return "no jobs are claimed";
    if (health->stalled > 0 && health->moving == 0)
        return "no job moves";
    return NULL;
}

const char *health_beat(const struct health *health, const char **fault)
{
    const char *found = health_find_fault(health);
    const char *news = *fault == NULL ? found : NULL;
    *fault = found;
    if (found == NULL)
        notify_alive();
    return news;
}

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
