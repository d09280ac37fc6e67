/*
 * Text stream: text of any length that is compressed as it comes, and then sealed where it lies.
 *
 * What is kept is the compressed form, in segments, so that nothing large is ever copied or grown:
 *   IV || [prefix] zstd frame || MAC
 * A big directory's tree and every index are written this way.
 */
#ifndef REPOSITORY_TEXT_STREAM_H
#define REPOSITORY_TEXT_STREAM_H

#include "core/cleanup.h"
#include "core/error.h"
#include "crypto.h"

#include <stddef.h>
#include <stdint.h>

struct segment {
    unsigned char *bytes;
    size_t len;
};

struct text_stream;

/* The prefix stands before the compressed bytes; "" for none. */
enum status text_stream_new(const char *prefix, struct text_stream **ret_stream, struct error *err)
    MUST_CHECK;
void text_stream_free(struct text_stream *stream);
DEFINE_CLEANUP(struct text_stream *, text_stream_free)

enum status text_stream_add(struct text_stream *stream, const void *bytes, size_t len,
                            struct error *err) MUST_CHECK;

/* Ends the text, and gives the SHA-256 of what was added. */
enum status text_stream_finish(struct text_stream *stream, unsigned char digest[HASH_BYTES],
                               struct error *err) MUST_CHECK;

/* To be called after text_stream_finish(): encrypts and authenticates in place. */
enum status text_stream_seal(struct text_stream *stream, struct crypto *crypto, struct error *err)
    MUST_CHECK;

uint64_t text_stream_text_len(const struct text_stream *stream);
/* The sealed bytes in order; borrowed. The MAC lies whole at the end of the last segment. */
const struct segment *text_stream_segments(const struct text_stream *stream, size_t *ret_count);

#endif
