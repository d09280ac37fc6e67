#include "text_stream.h"

#include <zstd.h>

#include <string.h>

enum {
    LEVEL = 3,
    WINDOW_LOG = 19, /* 512 KiB, as restic: many of these may be open at a time */
    FIRST_SEGMENT_BYTES = 64 * 1024,
    SEGMENT_BYTES = 1024 * 1024
};

struct text_stream {
    ZSTD_CCtx *zstd;
    struct hash *hash;
    uint64_t text_len;
    size_t prefix_len;
    struct segment *segments;
    size_t count;
    size_t room; /* in the last segment */
};

static enum status add_segment(struct text_stream *stream, size_t size, struct error *err)
{
    struct segment *segments =
        realloc(stream->segments, (stream->count + 1) * sizeof(*stream->segments));
    if (segments == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a list of segments");
    stream->segments = segments;
    unsigned char *bytes = malloc(size);
    if (bytes == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a segment of %zu bytes", size);
    stream->segments[stream->count++] = (struct segment){.bytes = bytes};
    stream->room = size;
    return STATUS_OK;
}

static struct segment *last_segment(const struct text_stream *stream)
{
    return &stream->segments[stream->count - 1];
}

static void put(struct text_stream *stream, const void *bytes, size_t len)
{
    struct segment *last = last_segment(stream);
    memcpy(last->bytes + last->len, bytes, len);
    last->len += len;
    stream->room -= len;
}

enum status text_stream_new(const char *prefix, struct text_stream **ret_stream, struct error *err)
{
    static const unsigned char no_iv_yet[SEAL_IV_BYTES];
    CLEANUP(text_stream_freep) struct text_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a compressed text");
    stream->zstd = ZSTD_createCCtx();
    if (stream->zstd == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(stream->zstd, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(stream->zstd, ZSTD_c_windowLog, WINDOW_LOG)))
        return FAIL(err, STATUS_NO_MEMORY, "zstd");
    if (hash_new(&stream->hash, err) != STATUS_OK || hash_start(stream->hash, err) != STATUS_OK ||
        add_segment(stream, FIRST_SEGMENT_BYTES, err) != STATUS_OK)
        return error_status(err);
    stream->prefix_len = strlen(prefix);
    put(stream, no_iv_yet, sizeof(no_iv_yet));
    put(stream, prefix, stream->prefix_len);
    *ret_stream = STEAL(stream);
    return STATUS_OK;
}

void text_stream_free(struct text_stream *stream)
{
    if (stream == NULL)
        return;
    for (size_t i = 0; i < stream->count; i++)
        free(stream->segments[i].bytes);
    free(stream->segments);
    ZSTD_freeCCtx(stream->zstd);
    hash_free(stream->hash);
    free(stream);
}

/* Until the input is used up, or, at the end, until zstd has nothing left inside. */
static enum status compress(struct text_stream *stream, ZSTD_inBuffer *in, ZSTD_EndDirective end,
                            struct error *err)
{
    for (;;) {
        if (stream->room == 0 && add_segment(stream, SEGMENT_BYTES, err) != STATUS_OK)
            return error_status(err);
        struct segment *last = last_segment(stream);
        ZSTD_outBuffer out = {.dst = last->bytes + last->len, .size = stream->room};
        size_t left = ZSTD_compressStream2(stream->zstd, &out, in, end);
        if (ZSTD_isError(left))
            return FAIL(err, STATUS_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        last->len += out.pos;
        stream->room -= out.pos;
        if (end == ZSTD_e_end ? left == 0 : in->pos == in->size)
            return STATUS_OK;
    }
}

enum status text_stream_add(struct text_stream *stream, const void *bytes, size_t len,
                            struct error *err)
{
    ZSTD_inBuffer in = {.src = bytes, .size = len};
    if (hash_piece(stream->hash, bytes, len, err) != STATUS_OK ||
        compress(stream, &in, ZSTD_e_continue, err) != STATUS_OK)
        return error_status(err);
    stream->text_len += len;
    return STATUS_OK;
}

enum status text_stream_finish(struct text_stream *stream, unsigned char digest[HASH_BYTES],
                               struct error *err)
{
    ZSTD_inBuffer nothing = {.src = NULL};
    if (compress(stream, &nothing, ZSTD_e_end, err) != STATUS_OK)
        return error_status(err);
    return hash_finish(stream->hash, digest, err);
}

enum status text_stream_seal(struct text_stream *stream, struct crypto *crypto, struct error *err)
{
    unsigned char mac[SEAL_MAC_BYTES];
    if (crypto_seal_start(crypto, stream->segments[0].bytes, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < stream->count; i++) {
        size_t skip = i == 0 ? SEAL_IV_BYTES : 0;
        if (crypto_seal_piece(crypto, stream->segments[i].bytes + skip,
                              stream->segments[i].len - skip, err) != STATUS_OK)
            return error_status(err);
    }
    if (crypto_seal_finish(crypto, mac, err) != STATUS_OK)
        return error_status(err);
    if (stream->room < sizeof(mac) && add_segment(stream, sizeof(mac), err) != STATUS_OK)
        return error_status(err);
    put(stream, mac, sizeof(mac));
    return STATUS_OK;
}

uint64_t text_stream_text_len(const struct text_stream *stream)
{
    return stream->text_len;
}

const struct segment *text_stream_segments(const struct text_stream *stream, size_t *ret_count)
{
    *ret_count = stream->count;
    return stream->segments;
}
