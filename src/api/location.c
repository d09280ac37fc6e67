#include "location.h"

#include <stdio.h>
#include <string.h>

static bool is_authority(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
    size_t len = strlen(host);
    return len > 0 && len <= LOCATION_HOST_MAX && strspn(host, allowed) == len;
}

void location_write(bool is_tls, const char *host, const char *path, char text[LOCATION_SIZE])
{
    if (host != NULL && is_authority(host))
        (void)snprintf(text, LOCATION_SIZE, "%s://%s%s", is_tls ? "https" : "http", host, path);
    else
        (void)snprintf(text, LOCATION_SIZE, "%s", path);
}
