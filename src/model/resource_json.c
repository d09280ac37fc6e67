#include "resource_json.h"

#include "core/clock.h"
#include "core/id.h"

json_t *time_text(int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    return json_string(text);
}

json_t *metadata_new(json_t *labels, int64_t created_ms, int64_t modified_ms,
                     const char *created_by)
{
    if (labels == NULL)
        return NULL;
    return json_pack("{s:o, s:o, s:o, s:s}", "labels", labels, "creationTimestamp",
                     time_text(created_ms), "modificationTimestamp", time_text(modified_ms),
                     "createdBy", *created_by == '\0' ? ID_NIL : created_by);
}

json_t *optional_text(const char *text)
{
    return *text == '\0' ? NULL : json_string(text);
}

json_t *optional_count(bool is_known, int64_t count)
{
    return is_known ? json_integer(count) : NULL;
}

json_t *optional_time(int64_t wall_ms)
{
    return wall_ms <= 0 ? NULL : time_text(wall_ms);
}
