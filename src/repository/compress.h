/*
 * Compression: zstd frames, with contexts that are made once. What does not shrink is recognised by
 * samples before any time is spent on it.
 *
 * Errors    CORRUPT: not zstd, cut short, or more than was promised; TOO_LARGE: over the buffer's
 *           limit, whatever a frame claims about its size
 * Threads   one thread
 */
#ifndef REPOSITORY_COMPRESS_H
#define REPOSITORY_COMPRESS_H

#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "repository/saving.h"

#include <stddef.h>

struct compressor;

enum status compressor_new(struct compressor **ret_compressor, struct error *err) MUST_CHECK;
void compressor_free(struct compressor *compressor);
DEFINE_CLEANUP(struct compressor *, compressor_free)

size_t compressed_max(size_t len);

/* For what is shrunk from now on; COMPRESSION_AUTO at first. */
enum status compressor_choose(struct compressor *compressor, enum compression compression,
                              struct error *err) MUST_CHECK;

/* out has room for compressed_max(len). *ret_len 0: leave it as it is. */
enum status compressor_shrink(struct compressor *compressor, const void *bytes, size_t len,
                              void *out, size_t *ret_len, struct error *err) MUST_CHECK;

/* Appends; frames may follow each other and need not say how large they are. hint: the expected
 * size, 0 if unknown. */
enum status compressor_expand(struct compressor *compressor, const void *bytes, size_t len,
                              size_t hint, struct buffer *buffer, struct error *err) MUST_CHECK;

/* Expands in pieces, which are handed on in pieces. */
typedef enum status expanded_fn(void *context, const void *bytes, size_t len, struct error *err);
enum status compressor_expand_start(struct compressor *compressor, struct error *err) MUST_CHECK;
enum status compressor_expand_piece(struct compressor *compressor, const void *bytes, size_t len,
                                    expanded_fn *expanded, void *context, struct error *err)
    MUST_CHECK;
enum status compressor_expand_finish(struct compressor *compressor, struct error *err) MUST_CHECK;

#endif
