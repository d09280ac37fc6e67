#include "snapshot/place_name.h"

#include "core/id.h"

#include <string.h>

bool snapshot_id_is_valid(const char *text)
{
    char uuid[ID_SIZE];
    if (strnlen(text, ID_SIZE) < ID_SIZE || text[ID_SIZE - 1] != '-')
        return false;
    memcpy(uuid, text, ID_SIZE - 1);
    uuid[ID_SIZE - 1] = '\0';
    const char *number = text + ID_SIZE;
    size_t digits = strspn(number, "0123456789");
    return id_is_valid(uuid) && digits > 0 && digits < 10 && number[digits] == '\0';
}

bool snapshot_is_ours(const char *name)
{
    size_t len = strlen(SNAPSHOT_PLACE_PREFIX);
    return strncmp(name, SNAPSHOT_PLACE_PREFIX, len) == 0 && snapshot_id_is_valid(name + len);
}
