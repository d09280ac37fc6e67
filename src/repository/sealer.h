/*
 * Sealer: what turns plaintext into stored bytes and back: hash, zstd and keys in one hand.
 *
 * Threads   one thread; a second thread takes a second sealer
 */
#ifndef REPOSITORY_SEALER_H
#define REPOSITORY_SEALER_H

#include "compress.h"
#include "core/buffer.h"
#include "core/error.h"
#include "crypto.h"
#include "text_stream.h"

#include <stdbool.h>
#include <stddef.h>

enum { SEALER_SLICE_BYTES = 64 * 1024 };

struct sealer {
    struct crypto *crypto;
    struct compressor *compressor;
    struct hash *hash;
    unsigned char slice[SEALER_SLICE_BYTES];
};

enum status sealer_init(struct sealer *sealer, const struct crypto_keys *keys, struct error *err)
    MUST_CHECK;
void sealer_done(struct sealer *sealer);

/* Room that sealer_seal() needs for a plaintext of len bytes. */
size_t sealed_max(size_t len);

/* Compresses and seals bytes into out->bytes, and sets out->len. *ret_compressed false: they are
 * stored as they are, because they do not shrink or shall not. */
enum status sealer_seal(struct sealer *sealer, const void *bytes, size_t len, struct segment *out,
                        bool *ret_compressed, struct error *err) MUST_CHECK;

/* Undoes, piece by piece, what was done to a compressed object, and hands out the SHA-256 of the
 * plaintext it really holds; skip: bytes before the zstd frame. */
enum status sealer_digest(struct sealer *sealer, const struct segment *segments, size_t count,
                          size_t skip, unsigned char digest[HASH_BYTES], struct error *err)
    MUST_CHECK;
/* Opens and expands what was sealed, piece by piece, and compares it with the plaintext. */
enum status sealer_compare(struct sealer *sealer, const struct segment *sealed, bool compressed,
                           const void *bytes, size_t len, struct error *err) MUST_CHECK;

#endif
