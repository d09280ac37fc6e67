/*
 * Chunks: finds the data of a body that comes in chunks. Sizes, extensions and trailers are read
 * and thrown away; all of them are bounded.
 *
 * Refused   a size with anything but hexadecimal digits in it, with none, or with more than 64
 *           bits; a line that does not end with CR LF; data longer or shorter than its size; a trailer that is no field
 * Taken     extensions, with or without values
 * Limits    CHUNK_LINE_BYTES_MAX for a size with its extensions, and for all trailers together
 * Source    RFC 9112 section 7.1
 */
#ifndef HTTP_CHUNKS_H
#define HTTP_CHUNKS_H

#include <event2/buffer.h>

#include <stddef.h>
#include <stdint.h>

enum { CHUNK_LINE_BYTES_MAX = 4096 };

enum chunks_place { CHUNKS_SIZE = 0, CHUNKS_DATA, CHUNKS_DATA_END, CHUNKS_TRAILER };

/* All zeros: before the first chunk. */
struct chunks {
    enum chunks_place place;
    uint64_t left; /* bytes of data before the end of the chunk */
    size_t trailer_bytes;
};

enum chunks_result {
    CHUNKS_NEED_MORE,
    CHUNKS_HAVE_DATA, /* the next `left` bytes are data: the caller takes what is there of them, and
                         says so to chunks_taken() */
    CHUNKS_ENDED,
    CHUNKS_BROKEN
};

/* Takes from the input up to the next data. */
enum chunks_result chunks_next(struct chunks *chunks, struct evbuffer *input);
void chunks_taken(struct chunks *chunks, size_t len);

#endif
