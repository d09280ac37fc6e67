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

static enum status check_mac(struct sealer *sealer, const struct segment *segments, size_t count,
                             struct error *err)
{
    const struct segment *last = &segments[count - 1];
    if (crypto_check_start(sealer->crypto, segments[0].bytes, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++) {
        struct segment payload = payload_of(segments, count, i);
        if (crypto_check_piece(sealer->crypto, payload.bytes, payload.len, err) != STATUS_OK)
            return error_status(err);
    }
    return crypto_check_finish(sealer->crypto, last->bytes + last->len - SEAL_MAC_BYTES, err);
}

static enum status on_expanded(void *context, const void *bytes, size_t len, struct error *err)
{
    struct sealer *sealer = context;
    return hash_piece(sealer->hash, bytes, len, err);
}

/* Decrypts into the slice and expands from there; *skip bytes are left out first. */
static enum status digest_payload(struct sealer *sealer, struct segment payload, size_t *skip,
                                  struct error *err)
{
    while (payload.len > 0) {
        size_t len = payload.len < SEALER_SLICE_BYTES ? payload.len : SEALER_SLICE_BYTES;
        /* cppcheck-suppress knownConditionTrueFalse; it takes len for 0 */
        size_t from = *skip < len ? *skip : len;
        if (crypto_decrypt_piece(sealer->crypto, payload.bytes, len, sealer->slice, err) !=
                STATUS_OK ||
            compressor_expand_piece(sealer->compressor, sealer->slice + from, len - from,
                                    on_expanded, sealer, err) != STATUS_OK)
            return error_status(err);
        *skip -= from;
        payload.bytes += len;
        payload.len -= len;
    }
    return STATUS_OK;
}

enum status sealer_digest(struct sealer *sealer, const struct segment *segments, size_t count,
                          size_t skip, unsigned char digest[HASH_BYTES], struct error *err)
{
    if (check_mac(sealer, segments, count, err) != STATUS_OK ||
        crypto_decrypt_start(sealer->crypto, segments[0].bytes, err) != STATUS_OK ||
        compressor_expand_start(sealer->compressor, err) != STATUS_OK ||
        hash_start(sealer->hash, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < count; i++)
        if (digest_payload(sealer, payload_of(segments, count, i), &skip, err) != STATUS_OK)
            return error_status(err);
    if (compressor_expand_finish(sealer->compressor, err) != STATUS_OK)
        return error_status(err);
    return hash_finish(sealer->hash, digest, err);
}

enum status sealer_digest_plain(struct sealer *sealer, const struct segment *sealed,
                                unsigned char digest[HASH_BYTES], struct error *err)
{
    struct segment payload = payload_of(sealed, 1, 0);
    if (check_mac(sealer, sealed, 1, err) != STATUS_OK ||
        crypto_decrypt_start(sealer->crypto, sealed->bytes, err) != STATUS_OK ||
        hash_start(sealer->hash, err) != STATUS_OK)
        return error_status(err);
    while (payload.len > 0) {
        size_t len = payload.len < SEALER_SLICE_BYTES ? payload.len : SEALER_SLICE_BYTES;
        if (crypto_decrypt_piece(sealer->crypto, payload.bytes, len, sealer->slice, err) !=
                STATUS_OK ||
            hash_piece(sealer->hash, sealer->slice, len, err) != STATUS_OK)
            return error_status(err);
        payload.bytes += len;
        payload.len -= len;
    }
    return hash_finish(sealer->hash, digest, err);
}
