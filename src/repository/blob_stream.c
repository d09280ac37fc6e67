#include "blob_stream.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 16 * 1024 };

struct blob_stream {
    struct blob_id id;
    struct sealer sealer;
    struct buffer sealed;
    size_t at, end; /* of what is to come, in sealed */
    bool compressed, ended;
    struct buffer *text; /* of the call */
};

enum status blob_stream_new(struct repository *repository, const struct blob_id *id,
                            struct buffer *sealed, uint32_t plain_length,
                            struct blob_stream **ret_stream, struct error *err)
{
    CLEANUP(blob_stream_freep) struct blob_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        buffer_done(sealed);
        return FAIL(err, STATUS_NO_MEMORY, "a blob to be read in pieces");
    }
    stream->id = *id;
    stream->sealed = *sealed;
    *sealed = (struct buffer){.max = sealed->max};
    stream->compressed = plain_length != 0;
    size_t len = 0;
    /* In place: all of it is checked and decrypted here, and only expanded in pieces. */
    if (sealer_init(&stream->sealer, &repository->keys, err) != STATUS_OK ||
        crypto_open(stream->sealer.crypto, stream->sealed.bytes, stream->sealed.len, &len, err) !=
            STATUS_OK ||
        compressor_expand_start(stream->sealer.compressor, err) != STATUS_OK ||
        hash_start(stream->sealer.hash, err) != STATUS_OK)
        return error_status(err);
    stream->at = SEAL_IV_BYTES;
    stream->end = SEAL_IV_BYTES + len;
    *ret_stream = STEAL(stream);
    return STATUS_OK;
}

void blob_stream_free(struct blob_stream *stream)
{
    if (stream == NULL)
        return;
    sealer_done(&stream->sealer);
    buffer_done(&stream->sealed);
    free(stream);
}

static enum status on_expanded(void *context, const void *bytes, size_t len, struct error *err)
{
    struct blob_stream *stream = context;
    if (hash_piece(stream->sealer.hash, bytes, len, err) != STATUS_OK)
        return error_status(err);
    return buffer_add(stream->text, bytes, len, err);
}

static enum status finish(struct blob_stream *stream, struct error *err)
{
    struct blob_id found;
    stream->ended = true;
    if (stream->compressed && compressor_expand_finish(stream->sealer.compressor, err) != STATUS_OK)
        return error_status(err);
    if (hash_finish(stream->sealer.hash, found.bytes, err) != STATUS_OK)
        return error_status(err);
    if (memcmp(&found, &stream->id, sizeof(found)) != 0)
        return FAIL(err, STATUS_CORRUPT, "its content does not have the hash that is its id");
    return STATUS_OK;
}

enum status blob_stream_next(struct blob_stream *stream, struct buffer *text, bool *ret_more,
                             struct error *err)
{
    size_t before = text->len;
    enum status status = STATUS_OK;
    stream->text = text;
    /* cppcheck-suppress knownConditionTrueFalse; the callback adds to the text */
    while (status == STATUS_OK && text->len == before && stream->at < stream->end) {
        size_t left = stream->end - stream->at;
        size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
        const unsigned char *bytes = stream->sealed.bytes + stream->at;
        status = stream->compressed ? compressor_expand_piece(stream->sealer.compressor, bytes, len,
                                                              on_expanded, stream, err)
                                    : on_expanded(stream, bytes, len, err);
        stream->at += len;
    }
    if (status == STATUS_OK && stream->at == stream->end && !stream->ended)
        status = finish(stream, err);
    if (status != STATUS_OK)
        return status;
    *ret_more = text->len > before;
    return STATUS_OK;
}
