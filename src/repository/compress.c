#include "compress.h"

#include <zstd.h>

#include <stdbool.h>
#include <string.h>

static const int levels[COMPRESSION_COUNT] = {
    [COMPRESSION_AUTO] = 1, [COMPRESSION_FAST] = -1, [COMPRESSION_BETTER] = 7};

struct beginning {
    const char *bytes;
    size_t len;
};

/* How the files of compressors begin: gzip, xz, zstd, bzip2. Manual pages, logs, dumps: where
 * there is one such file there are thousands, and it would not shrink by a thousandth. */
static const struct beginning beginnings[] = {
    {"\x1f\x8b\x08", 3}, {"\3757zXZ", 6}, {"\x28\xb5\x2f\xfd", 4}, {"BZh", 3}};

/* Blobs from PROBED_MIN_BYTES on are tried at PROBES places first. */
enum { PROBED_MIN_BYTES = 256 * 1024, PROBES = 4, PROBE_BYTES = 16 * 1024, PROBE_LEVEL = -5 };

enum { PIECE_BYTES = 128 * 1024, GUESSED_RATIO = 4, ROOM_MIN = 64 };

struct compressor {
    ZSTD_CCtx *shrink;
    enum compression compression; /* that shrink is set to */
    ZSTD_DCtx *expand;
    bool in_frame; /* expand: between the start and the end of a frame */
    unsigned char piece[PIECE_BYTES];
};

enum status compressor_new(struct compressor **ret_compressor, struct error *err)
{
    CLEANUP(compressor_freep) struct compressor *compressor = calloc(1, sizeof(*compressor));
    if (compressor == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "zstd");
    compressor->shrink = ZSTD_createCCtx();
    compressor->expand = ZSTD_createDCtx();
    if (compressor->shrink == NULL || compressor->expand == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(compressor->shrink, ZSTD_c_compressionLevel,
                                            levels[COMPRESSION_AUTO])))
        return FAIL(err, STATUS_NO_MEMORY, "zstd");
    *ret_compressor = STEAL(compressor);
    return STATUS_OK;
}

void compressor_free(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    ZSTD_freeCCtx(compressor->shrink);
    ZSTD_freeDCtx(compressor->expand);
    free(compressor);
}

size_t compressed_max(size_t len)
{
    return ZSTD_compressBound(len);
}

static enum status set_level(struct compressor *compressor, int level, struct error *err)
{
    if (ZSTD_isError(ZSTD_CCtx_setParameter(compressor->shrink, ZSTD_c_compressionLevel, level)))
        return FAIL(err, STATUS_INTERNAL, "zstd: level %d", level);
    return STATUS_OK;
}

/* Would a thirty-second of it be saved? out is where the tries go. */
static enum status probe(struct compressor *compressor, const unsigned char *bytes, size_t len,
                         void *out, bool *ret_shrinks, struct error *err)
{
    size_t total = 0;
    if (set_level(compressor, PROBE_LEVEL, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < PROBES; i++) {
        const unsigned char *at = bytes + (len - PROBE_BYTES) / (PROBES - 1) * i;
        size_t done =
            ZSTD_compress2(compressor->shrink, out, compressed_max(PROBE_BYTES), at, PROBE_BYTES);
        if (ZSTD_isError(done))
            return FAIL(err, STATUS_INTERNAL, "zstd: %s", ZSTD_getErrorName(done));
        total += done;
    }
    *ret_shrinks = total < (size_t)PROBES * PROBE_BYTES / 32 * 31;
    return set_level(compressor, levels[compressor->compression], err);
}

enum status compressor_choose(struct compressor *compressor, enum compression compression,
                              struct error *err)
{
    if (compressor->compression == compression)
        return STATUS_OK;
    compressor->compression = compression;
    return set_level(compressor, levels[compression], err);
}

static bool is_compressed(const void *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        const struct beginning *beginning = &beginnings[i];
        if (len >= beginning->len && memcmp(bytes, beginning->bytes, beginning->len) == 0)
            return true;
    }
    return false;
}

enum status compressor_shrink(struct compressor *compressor, const void *bytes, size_t len,
                              void *out, size_t *ret_len, struct error *err)
{
    bool shrinks = compressor->compression != COMPRESSION_OFF && !is_compressed(bytes, len);
    *ret_len = 0;
    if (shrinks && len >= PROBED_MIN_BYTES &&
        probe(compressor, bytes, len, out, &shrinks, err) != STATUS_OK)
        return error_status(err);
    if (!shrinks)
        return STATUS_OK;
    size_t done = ZSTD_compress2(compressor->shrink, out, compressed_max(len), bytes, len);
    if (ZSTD_isError(done))
        return FAIL(err, STATUS_INTERNAL, "zstd: %s", ZSTD_getErrorName(done));
    *ret_len = done < len ? done : 0;
    return STATUS_OK;
}

enum status compressor_expand_start(struct compressor *compressor, struct error *err)
{
    compressor->in_frame = false;
    if (ZSTD_isError(ZSTD_DCtx_reset(compressor->expand, ZSTD_reset_session_only)))
        return FAIL(err, STATUS_INTERNAL, "zstd: reset");
    return STATUS_OK;
}

static enum status expand_step(struct compressor *compressor, ZSTD_inBuffer *in,
                               ZSTD_outBuffer *out, struct error *err)
{
    size_t left = ZSTD_decompressStream(compressor->expand, out, in);
    if (ZSTD_isError(left))
        return FAIL(err, STATUS_CORRUPT, "zstd: %s", ZSTD_getErrorName(left));
    compressor->in_frame = left != 0;
    return STATUS_OK;
}

enum status compressor_expand_piece(struct compressor *compressor, const void *bytes, size_t len,
                                    expanded_fn *expanded, void *context, struct error *err)
{
    ZSTD_inBuffer in = {.src = bytes, .size = len};
    ZSTD_outBuffer out = {.dst = compressor->piece, .size = sizeof(compressor->piece)};
    do {
        out.pos = 0;
        if (expand_step(compressor, &in, &out, err) != STATUS_OK ||
            expanded(context, compressor->piece, out.pos, err) != STATUS_OK)
            return error_status(err);
    } while (in.pos < in.size || (out.pos == out.size && compressor->in_frame));
    return STATUS_OK;
}

enum status compressor_expand_finish(struct compressor *compressor, struct error *err)
{
    if (compressor->in_frame)
        return FAIL(err, STATUS_CORRUPT, "zstd: cut short");
    return STATUS_OK;
}

/* What a frame says about its size is only where to start. */
static size_t first_room(const void *bytes, size_t len, size_t hint, size_t max)
{
    unsigned long long said = ZSTD_getFrameContentSize(bytes, len);
    size_t room = hint;
    if (said != ZSTD_CONTENTSIZE_UNKNOWN && said != ZSTD_CONTENTSIZE_ERROR && said <= max)
        room = (size_t)said;
    return room != 0 ? room : len * GUESSED_RATIO + ROOM_MIN;
}

static size_t next_room(size_t wanted, const struct buffer *buffer)
{
    size_t allowed = buffer->max - buffer->len;
    return wanted < allowed ? wanted : allowed;
}

enum status compressor_expand(struct compressor *compressor, const void *bytes, size_t len,
                              size_t hint, struct buffer *buffer, struct error *err)
{
    if (compressor_expand_start(compressor, err) != STATUS_OK)
        return error_status(err);
    ZSTD_inBuffer in = {.src = bytes, .size = len};
    size_t allowed = buffer->max - buffer->len;
    size_t room = next_room(first_room(bytes, len, hint, allowed), buffer);
    for (;;) {
        if (buffer_reserve(buffer, room, err) != STATUS_OK)
            return error_status(err);
        ZSTD_outBuffer out = {.dst = buffer->bytes + buffer->len, .size = room};
        if (expand_step(compressor, &in, &out, err) != STATUS_OK)
            return error_status(err);
        buffer->len += out.pos;
        buffer->bytes[buffer->len] = '\0';
        bool flushed = out.pos < out.size || !compressor->in_frame;
        if (in.pos == in.size && flushed)
            return compressor_expand_finish(compressor, err);
        if (room == 0) /* the step without room was there to see whether that was all */
            return FAIL(err, STATUS_TOO_LARGE, "expands to more than %zu bytes", buffer->max);
        room = next_room(room > out.pos ? room - out.pos : PIECE_BYTES, buffer);
    }
}
