#include "core/id.h"

#include <uuid/uuid.h>

#include <assert.h>
#include <stddef.h>
#include <string.h>

void id_random(char id[ID_SIZE])
{
    uuid_t uuid;
    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, id);
}

void id_from_name(const char *namespace_id, const char *name, char id[ID_SIZE])
{
    uuid_t namespace_uuid, uuid;
    int parsed = uuid_parse(namespace_id, namespace_uuid);
    assert(parsed == 0);
    (void)parsed;
    uuid_generate_sha1(uuid, namespace_uuid, name, strlen(name));
    uuid_unparse_lower(uuid, id);
}

static bool has_uuid_shape(const char *text)
{
    static const char shape[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        char c = text[i]; /* a NUL matches neither kind, so a short text ends here */
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (shape[i] == 'h' ? !hex : c != '-')
            return false;
    }
    return text[sizeof(shape) - 1] == '\0';
}

bool id_is_valid(const char *text)
{
    if (!has_uuid_shape(text))
        return false;
    char version = text[14];
    char variant = text[19];
    if (version == '4')
        return strchr("89ab", variant) != NULL;
    return version == '5' || strcmp(text, ID_NIL) == 0;
}
