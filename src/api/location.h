/*
 * Location: the full URL of a resource, as the caller would write it.
 * The scheme is the connection's, the authority is what the caller sent as Host. If that is no
 * authority, the path alone is given, which RFC 9110 section 10.2.2 allows as well.
 */
#ifndef API_LOCATION_H
#define API_LOCATION_H

#include <stdbool.h>
#include <stddef.h>

enum { LOCATION_SIZE = 1024, LOCATION_HOST_MAX = 260 };

/* host may be NULL. The path starts with '/' and is shorter than LOCATION_SIZE - LOCATION_HOST_MAX
 * - 8. */
void location_write(bool is_tls, const char *host, const char *path, char text[LOCATION_SIZE]);

#endif
