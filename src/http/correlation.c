#include "correlation.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

enum { UUID_BYTES = 16 };

static bool refill(struct correlation *correlation)
{
    size_t len = 0;
    while (len < sizeof(correlation->bytes)) {
        ssize_t got = getrandom(correlation->bytes + len, sizeof(correlation->bytes) - len, 0);
        if (got <= 0)
            return false; /* not Linux as we know it; the caller has another way */
        len += (size_t)got;
    }
    correlation->left = len;
    return true;
}

void correlation_next(struct correlation *correlation, char id[ID_SIZE])
{
    if (correlation->left == 0 && !refill(correlation)) {
        id_random(id);
        return;
    }
    const unsigned char *from = correlation->bytes + sizeof(correlation->bytes) - correlation->left;
    correlation->left -= UUID_BYTES;

    unsigned char uuid[UUID_BYTES];
    memcpy(uuid, from, sizeof(uuid));
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
