/* Objects: what an object store and its drivers deal in. */
#ifndef BUCKET_OBJECT_H
#define BUCKET_OBJECT_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* An object is the concatenation of its parts. */
struct object_part {
    const void *bytes;
    size_t len;
};

/* What a listing says of an object whose size the store did not tell: it may have any. */
#define OBJECT_SIZE_UNKNOWN UINT64_MAX

/* Sees one object of a listing: its name behind the listing's prefix, and its size or
 * OBJECT_SIZE_UNKNOWN. A failure ends the listing. */
typedef enum status object_seen_fn(void *context, const char *name, uint64_t size,
                                   struct error *err);

#endif
