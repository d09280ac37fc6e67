/*
 * Library: the functions in Redis, as they are embedded in this program (src/store/functions). Each
 * connection loads them when Redis has none or another version.
 *
 * Threads   any.
 */
#ifndef STORE_LIBRARY_H
#define STORE_LIBRARY_H

#include <stddef.h>

/* A hash of the text: it changes with every change of a function. */
const char *store_library_version(void);
const char *store_library_text(size_t *ret_len);

#endif
