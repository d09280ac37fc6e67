/*
 * Listing: the entries of one directory, sorted by their bytes, each once. All that a walk holds of
 * a directory: the text of the names in one piece, and four bytes each for where it begins.
 */
#ifndef FILES_LISTING_H
#define FILES_LISTING_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LISTING_BYTES_MAX = 1 << 30 }; /* some 40 million names: TOO_LARGE above */

struct listing {
    struct buffer text; /* each with its NUL */
    uint32_t *offsets;
    size_t count;
};

/* Reads the entries but for "." and "..". The descriptor stays the caller's; its position is
 * changed. On failure there is nothing to release. */
enum status listing_read(int directory, struct listing *ret_listing, struct error *err) MUST_CHECK;
void listing_done(struct listing *listing); /* all zeros is fine */
const char *listing_at(const struct listing *listing, size_t index);

/* Is the name listed? *ret_index is where it stands. */
bool listing_find(const struct listing *listing, const char *name, size_t *ret_index);

#endif
