#include "stable_id.h"

#include "model/names.h"

#include <stdio.h>

enum { KIND_SIZE = 16 };

void stable_id(const char *namespace_id, const char *kind, const char *name, char id[ID_SIZE])
{
    char text[KIND_SIZE + NODE_NAME_SIZE];
    (void)snprintf(text, sizeof(text), "%s/%s", kind, name);
    id_from_name(*namespace_id == '\0' ? ID_NIL : namespace_id, text, id);
}
