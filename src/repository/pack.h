/*
 * Packs: the files that hold blobs.
 *
 * Shapes    sealed blob || … || sealed header || length of the sealed header (u32, little endian)
 *           header: per blob its type (u8), sealed length (u32), for compressed blobs the plaintext
 *           length (u32), and its id (32 bytes), in the order of the blobs
 */
#ifndef REPOSITORY_PACK_H
#define REPOSITORY_PACK_H

#include "blob_index.h"
#include "core/error.h"
#include "repository/blob_id.h"

#include <stddef.h>

enum {
    PACK_TARGET_BYTES = 16 * 1024 * 1024, /* closed once its blobs take this much */
    PACK_ENTRIES_MAX = 64 * 1024,         /* keeps headers below 16 MiB */
    PACK_HEADER_ENTRY_MAX = 41,
    PACK_TRAILER_BYTES = 4
};

/* Returns the end of what it wrote, at most PACK_HEADER_ENTRY_MAX bytes. */
unsigned char *pack_header_write(unsigned char *to, const struct blob_entry *entry);

/* Calls once per entry, with offsets filled in. CORRUPT: not a header. */
typedef enum status pack_entry_fn(void *context, enum blob_type type,
                                  const struct blob_entry *entry, struct error *err);
enum status pack_header_read(const void *header, size_t len, pack_entry_fn *seen, void *context,
                             struct error *err) MUST_CHECK;

void pack_put_u32(unsigned char bytes[4], uint32_t number);

#endif
