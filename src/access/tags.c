#include "access/tags.h"

#include <stdio.h>
#include <string.h>

void tag_write(const char *name, const char *value, char tag[TAG_SIZE])
{
    (void)snprintf(tag, TAG_SIZE, "%s%s", name, value);
}

const char *tag_value(const struct repository_snapshot *snapshot, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *tag = snapshot->tags; *tag != NULL; tag++)
        if (strncmp(*tag, name, len) == 0)
            return *tag + len;
    return NULL;
}
