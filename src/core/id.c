#include "core/id.h"

#include <uuid/uuid.h>

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

void id_from_random(const unsigned char random[ID_BYTES], char id[ID_SIZE])
{
    unsigned char uuid[ID_BYTES];
    memcpy(uuid, random, sizeof(uuid));
    uuid[6] = (unsigned char)((uuid[6] & 0x0f) | 0x40); /* version 4 */
    uuid[8] = (unsigned char)((uuid[8] & 0x3f) | 0x80); /* variant of RFC 4122 */

    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(uuid); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *id++ = '-';
        *id++ = digits[uuid[i] >> 4];
        *id++ = digits[uuid[i] & 15];
    }
    *id = '\0';
}

/* libuuid is asked only where the kernel gives nothing: it seeds a generator of its own for each
 * id, which costs more than all the rest of a request. */
void id_random(char id[ID_SIZE])
{
    uuid_t random;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        uuid_generate_random(random);
    id_from_random(random, id);
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
