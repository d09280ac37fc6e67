/*
 * Blob stream: the plaintext of a blob piece by piece, for one that shall not be held whole, such
 * as the tree of a directory with a million files.
 *
 * Memory    the sealed bytes, a fifth of the plaintext
 * Safety    The MAC is checked before the first piece is handed out, and the hash with the last.
 * Threads   one; a stream has contexts of its own, so that the repository can be used meanwhile
 */
#ifndef REPOSITORY_BLOB_STREAM_H
#define REPOSITORY_BLOB_STREAM_H

#include "repository_internal.h"

struct blob_stream;

/* Takes the sealed bytes, also on failure. plain_length 0: they are not compressed. */
enum status blob_stream_new(struct repository *repository, const struct blob_id *id,
                            struct buffer *sealed, uint32_t plain_length,
                            struct blob_stream **ret_stream, struct error *err) MUST_CHECK;
void blob_stream_free(struct blob_stream *stream); /* NULL is a no-op */
DEFINE_CLEANUP(struct blob_stream *, blob_stream_free)

/* Appends some bytes to the text; *ret_more false: there were none left. */
enum status blob_stream_next(struct blob_stream *stream, struct buffer *text, bool *ret_more,
                             struct error *err) MUST_CHECK;

#endif
