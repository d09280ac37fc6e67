/*
 * Buffer: bytes that grow up to a limit named at creation (nothing grows without one).
 *
 * Units     bytes
 * Errors    TOO_LARGE over the limit; NO_MEMORY. The contents stay as they were.
 */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include "core/error.h"

#include <stddef.h>

struct buffer {
    unsigned char *bytes; /* NULL while empty; otherwise a NUL follows the last byte */
    size_t len;
    size_t capacity;
    size_t max;
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_done(struct buffer *buffer);  /* frees; a buffer of all zeros is fine */
void buffer_clear(struct buffer *buffer); /* empties, keeps the memory */

/* Room for `more` bytes behind the contents; the caller writes there and adds to len. */
enum status buffer_reserve(struct buffer *buffer, size_t more, struct error *err) MUST_CHECK;
enum status buffer_add(struct buffer *buffer, const void *bytes, size_t len, struct error *err)
    MUST_CHECK;
enum status buffer_add_text(struct buffer *buffer, const char *text, struct error *err) MUST_CHECK;

#endif
