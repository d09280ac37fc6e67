#include "metadata.h"

#include "core/clock.h"
#include "core/id.h"

json_t *metadata_new(json_t *labels, int64_t created_ms, int64_t modified_ms,
                     const char *created_by)
{
    if (labels == NULL)
        return NULL;
    char created[CLOCK_TEXT_SIZE];
    char modified[CLOCK_TEXT_SIZE];
    clock_format(created_ms, created);
    clock_format(modified_ms, modified);
    return json_pack("{s:o, s:s, s:s, s:s}", "labels", labels, "creationTimestamp", created,
                     "modificationTimestamp", modified, "createdBy",
                     *created_by == '\0' ? ID_NIL : created_by);
}
