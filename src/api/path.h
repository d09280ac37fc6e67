/*
 * Path: which methods a path takes, for the header Allow of a 405.
 * Segments are compared as the router does: percent-decoded, empty ones skipped.
 */
#ifndef API_PATH_H
#define API_PATH_H

#include "http/server.h"

#include <stddef.h>

enum { PATH_ALLOW_SIZE = 48 };

/* "GET, HEAD, POST"; "" if no route has the path. */
void path_write_allow(const struct http_route *routes, size_t count, const char *path,
                      char allow[PATH_ALLOW_SIZE]);

#endif
