#include "motion.h"

#include "service/health.h"

#include <string.h>

bool motion_is_expected(const char *stage)
{
    return strcmp(stage, "upload") == 0 || strcmp(stage, "restore") == 0;
}

void motion_note(struct motion *motion, const char *stage, int64_t bytes, int64_t now_ms)
{
    if (!motion_is_expected(stage) || bytes != motion->bytes)
        *motion = (struct motion){.bytes = bytes, .moved_ms = now_ms};
}

bool motion_has_stalled(const struct motion *motion, int64_t now_ms)
{
    return now_ms - motion->moved_ms > HEALTH_STALL_MAX_MS;
}
