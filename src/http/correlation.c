#include "correlation.h"

#include <stdbool.h>
#include <sys/random.h>

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
    id_from_random(correlation->bytes + sizeof(correlation->bytes) - correlation->left, id);
    correlation->left -= ID_BYTES;
}
