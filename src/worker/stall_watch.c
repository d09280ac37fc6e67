#include "stall_watch.h"

#include "service/health.h"

#include <string.h>

bool stall_watch_expects_bytes(const char *stage)
{
    return strcmp(stage, "upload") == 0 || strcmp(stage, "restore") == 0;
}

void stall_watch_note(struct stall_watch *watch, const char *stage, int64_t bytes, int64_t now_ms)
{
    if (!stall_watch_expects_bytes(stage) || bytes != watch->bytes)
        *watch = (struct stall_watch){.bytes = bytes, .moved_ms = now_ms};
}

bool stall_watch_has_stalled(const struct stall_watch *watch, int64_t now_ms)
{
    return now_ms - watch->moved_ms > HEALTH_STALL_MAX_MS;
}
