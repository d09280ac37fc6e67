/*
 * Sealing, as restic has it: IV (16) || AES-256-CTR(plaintext) || Poly1305-AES tag (16).
 *
 * The contexts are made once and used for every blob; random IVs come from a buffer. The streaming
 * form exists because a large tree is sealed piece by piece, in place.
 *
 * Errors    CORRUPT: the tag does not fit: other bytes or another key
 * Threads   one thread
 */
#ifndef REPOSITORY_CRYPTO_H
#define REPOSITORY_CRYPTO_H

#include "core/cleanup.h"
#include "core/error.h"

#include <stddef.h>

enum {
    SEAL_IV_BYTES = 16,
    SEAL_MAC_BYTES = 16,
    SEAL_OVERHEAD = SEAL_IV_BYTES + SEAL_MAC_BYTES,
    HASH_BYTES = 32
};

struct crypto_keys {
    unsigned char encrypt[32];
    unsigned char mac_k[16];
    unsigned char mac_r[16];
};

struct crypto;

/* Copies the keys. */
enum status crypto_new(const struct crypto_keys *keys, struct crypto **ret_crypto,
                       struct error *err) MUST_CHECK;
void crypto_free(struct crypto *crypto); /* wipes */
DEFINE_CLEANUP(struct crypto *, crypto_free)

/* Seals in place: the plaintext stands at bytes + SEAL_IV_BYTES, len bytes long; what surrounds it
 * is filled in, len + SEAL_OVERHEAD in all. */
enum status crypto_seal(struct crypto *crypto, unsigned char *bytes, size_t len, struct error *err)
    MUST_CHECK;

/* Checks the tag, then decrypts in place: the plaintext starts at bytes + SEAL_IV_BYTES. len is
 * that of the sealed bytes. */
enum status crypto_open(struct crypto *crypto, unsigned char *bytes, size_t len, size_t *ret_len,
                        struct error *err) MUST_CHECK;

/* Seals in pieces: start, any number of pieces (in place), finish. */
enum status crypto_seal_start(struct crypto *crypto, unsigned char iv[SEAL_IV_BYTES],
                              struct error *err) MUST_CHECK;
enum status crypto_seal_piece(struct crypto *crypto, unsigned char *bytes, size_t len,
                              struct error *err) MUST_CHECK;
enum status crypto_seal_finish(struct crypto *crypto, unsigned char mac[SEAL_MAC_BYTES],
                               struct error *err) MUST_CHECK;

/* Opens in pieces: first all of them are checked, then decrypted (out may be in). */
enum status crypto_check_start(struct crypto *crypto, const unsigned char iv[SEAL_IV_BYTES],
                               struct error *err) MUST_CHECK;
enum status crypto_check_piece(struct crypto *crypto, const unsigned char *bytes, size_t len,
                               struct error *err) MUST_CHECK;
enum status crypto_check_finish(struct crypto *crypto, const unsigned char mac[SEAL_MAC_BYTES],
                                struct error *err) MUST_CHECK;
enum status crypto_decrypt_start(struct crypto *crypto, const unsigned char iv[SEAL_IV_BYTES],
                                 struct error *err) MUST_CHECK;
enum status crypto_decrypt_piece(struct crypto *crypto, const unsigned char *in, size_t len,
                                 unsigned char *out, struct error *err) MUST_CHECK;

enum status crypto_random(void *bytes, size_t len, struct error *err) MUST_CHECK;

/* SHA-256 with a context that is reused. */
struct hash;

enum status hash_new(struct hash **ret_hash, struct error *err) MUST_CHECK;
void hash_free(struct hash *hash);
DEFINE_CLEANUP(struct hash *, hash_free)

enum status hash_start(struct hash *hash, struct error *err) MUST_CHECK;
enum status hash_piece(struct hash *hash, const void *bytes, size_t len, struct error *err)
    MUST_CHECK;
enum status hash_finish(struct hash *hash, unsigned char digest[HASH_BYTES], struct error *err)
    MUST_CHECK;
enum status hash_bytes(struct hash *hash, const void *bytes, size_t len,
                       unsigned char digest[HASH_BYTES], struct error *err) MUST_CHECK;

#endif
