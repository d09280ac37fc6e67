#include "sealer.h"

#include <string.h>

enum status sealer_init(struct sealer *sealer, const struct crypto_keys *keys, struct error *err)
{
    if (crypto_new(keys, &sealer->crypto, err) != STATUS_OK ||
        compressor_new(&sealer->compressor, err) != STATUS_OK)
        return error_status(err);
    return hash_new(&sealer->hash, err);
}

void sealer_done(struct sealer *sealer)
{
    crypto_free(sealer->crypto);
    compressor_free(sealer->compressor);
    hash_free(sealer->hash);
}

size_t sealed_max(size_t len)
{
    return compressed_max(len) + SEAL_OVERHEAD;
}

enum status sealer_seal(struct sealer *sealer, const void *bytes, size_t len, struct segment *out,
                        bool *ret_compressed, struct error *err)
{
    size_t stored = 0;
    if (compressor_shrink(sealer->compressor, bytes, len, out->bytes + SEAL_IV_BYTES, &stored,
                          err) != STATUS_OK)
        return error_status(err);
    bool compressed = stored > 0;
    if (!compressed) {
        memcpy(out->bytes + SEAL_IV_BYTES, bytes, len);
        stored = len;
    }
    if (crypto_seal(sealer->crypto, out->bytes, stored, err) != STATUS_OK)
        return error_status(err);
    out->len = stored + SEAL_OVERHEAD;
    *ret_compressed = compressed;
    return STATUS_OK;
}

/* The encrypted bytes of a segment: without IV and MAC. */
static struct segment payload_of(const struct segment *segments, size_t count, size_t i)
{
    struct segment payload = segments[i];
    if (i == 0) {
        payload.bytes += SEAL_IV_BYTES;
        payload.len -= SEAL_IV_BYTES;
    }
    if (i == count - 1)
        payload.len -= SEAL_MAC_BYTES;
    return payload;
}

/* What is seen of sealed bytes while they are opened again. */
struct opening {
    bool compressed;
    size_t skip;       /* bytes still to be left out before the zstd frame */
    expanded_fn *seen; /* gets the plaintext, piece by piece */
    void *context;
};

/* Decrypted bytes go on, expanded if they are compressed. */
static enum status pass_on(struct sealer *sealer, struct opening *opening, size_t len,
                           struct error *err)
{
    /* cppcheck-suppress knownConditionTrueFalse; it takes len for 0 */
    size_t from = opening->skip < len ? opening->skip : len;
    opening->skip -= from;
    if (!opening->compressed)
        return opening->seen(opening->context, sealer->slice + from, len - from, err);
    return compressor_expand_piece(sealer->compressor, sealer->slice + from, len - from,
                                   opening->seen, opening->context, err);
}

/* Each slice is authenticated and decrypted while it is in the cache. */
static enum status open_payload(struct sealer *sealer, struct segment payload,
                                struct opening *opening, struct error *err)
{
    while (payload.len > 0) {
        size_t len = payload.len < SEALER_SLICE_BYTES ? payload.len : SEALER_SLICE_BYTES;
        if (crypto_check_piece(sealer->crypto, payload.bytes, len, err) != STATUS_OK ||
            crypto_decrypt_piece(sealer->crypto, payload.bytes, len, sealer->slice, err) !=
                STATUS_OK ||
            pass_on(sealer, opening, len, err) != STATUS_OK)
            return error_status(err);
        payload.bytes += len;
        payload.len -= len;
    }
    return STATUS_OK;
}

static enum status open_segments(struct sealer *sealer, const struct segment *segments,
                                 size_t count, struct opening *opening, struct error *err)
{
    const struct segment *last = &segments[count - 1];
    if (crypto_check_start(sealer->crypto, segments[0].bytes, err) != STATUS_OK ||
        crypto_decrypt_start(sealer->crypto, segments[0].bytes, err) != STATUS_OK ||
        compressor_expand_start(sealer->compressor, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++)
        if (open_payload(sealer, payload_of(segments, count, i), opening, err) != STATUS_OK)
            return error_status(err);
    if (compressor_expand_finish(sealer->compressor, err) != STATUS_OK)
        return error_status(err);
    return crypto_check_finish(sealer->crypto, last->bytes + last->len - SEAL_MAC_BYTES, err);
}

static enum status add_to_hash(void *context, const void *bytes, size_t len, struct error *err)
{
    return hash_piece(context, bytes, len, err);
}

enum status sealer_digest(struct sealer *sealer, const struct segment *segments, size_t count,
                          size_t skip, unsigned char digest[HASH_BYTES], struct error *err)
{
    struct opening opening = {
        .compressed = true, .skip = skip, .seen = add_to_hash, .context = sealer->hash};
    if (hash_start(sealer->hash, err) != STATUS_OK ||
        open_segments(sealer, segments, count, &opening, err) != STATUS_OK)
        return error_status(err);
    return hash_finish(sealer->hash, digest, err);
}

/* What is still to come. */
struct expected {
    const unsigned char *bytes;
    size_t len;
};

static enum status fail_different(struct error *err)
{
    return FAIL(err, STATUS_CORRUPT, "what was to be stored does not read back the same");
}

static enum status compare_piece(void *context, const void *bytes, size_t len, struct error *err)
{
    struct expected *expected = context;
    if (len > expected->len || memcmp(bytes, expected->bytes, len) != 0)
        return fail_different(err);
    expected->bytes += len;
    expected->len -= len;
    return STATUS_OK;
}

enum status sealer_compare(struct sealer *sealer, const struct segment *sealed, bool compressed,
                           const void *bytes, size_t len, struct error *err)
{
    struct expected expected = {.bytes = bytes, .len = len};
    struct opening opening = {
        .compressed = compressed, .seen = compare_piece, .context = &expected};
    if (open_segments(sealer, sealed, 1, &opening, err) != STATUS_OK)
        return error_status(err);
    return expected.len == 0 ? STATUS_OK : fail_different(err);
}
