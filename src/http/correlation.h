/*
 * Correlation ids: a random UUID (version 4) for each request. The random bytes are fetched many
 * at a time, since a system call for each request would be felt.
 */
#ifndef HTTP_CORRELATION_H
#define HTTP_CORRELATION_H

#include "core/id.h"

#include <stddef.h>

enum { CORRELATION_BATCH_BYTES = 4096 };

/* All zeros is empty: ready for use. */
struct correlation {
    size_t left; /* unused bytes at the end */
    unsigned char bytes[CORRELATION_BATCH_BYTES];
};

void correlation_next(struct correlation *correlation, char id[ID_SIZE]);

#endif
