#include "service/health.h"

#include "service/notify.h"

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
