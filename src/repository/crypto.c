#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum {
    SLICE_BYTES = 64 * 1024, /* encrypted, then authenticated while still in the cache */
    IV_BUFFER_BYTES = 4096
};

struct crypto {
    EVP_CIPHER_CTX *encrypt; /* AES-256-CTR; decrypting is the same */
    EVP_CIPHER_CTX *nonce;   /* AES-128-ECB of the IV: the s of Poly1305-AES */
    EVP_MAC *poly1305;
    EVP_MAC_CTX *mac;
    unsigned char mac_r[16];
    unsigned char ivs[IV_BUFFER_BYTES];
    size_t iv_next; /* of ivs; IV_BUFFER_BYTES: used up */
};

struct hash {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

static enum status fail_library(struct error *err, const char *what)
{
    char text[160];
    unsigned long code = ERR_get_error();
    ERR_clear_error();
    ERR_error_string_n(code, text, sizeof(text));
    return FAIL(err, STATUS_INTERNAL, "%s: %s", what, code == 0 ? "failed" : text);
}

enum status crypto_random(void *bytes, size_t len, struct error *err)
{
    if (len > INT_MAX || RAND_bytes(bytes, (int)len) != 1)
        return fail_library(err, "random bytes");
    return STATUS_OK;
}

static EVP_CIPHER_CTX *cipher_new(const char *name, const unsigned char *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ready = cipher != NULL && context != NULL &&
                 EVP_EncryptInit_ex2(context, cipher, key, NULL, NULL) == 1 &&
                 EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    EVP_CIPHER_free(cipher); /* the context holds its own reference */
    if (ready)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

enum status crypto_new(const struct crypto_keys *keys, struct crypto **ret_crypto,
                       struct error *err)
{
    CLEANUP(crypto_freep) struct crypto *crypto = calloc(1, sizeof(*crypto));
    if (crypto == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "encryption");
    crypto->encrypt = cipher_new("AES-256-CTR", keys->encrypt);
    crypto->nonce = cipher_new("AES-128-ECB", keys->mac_k);
    crypto->poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    if (crypto->poly1305 != NULL)
        crypto->mac = EVP_MAC_CTX_new(crypto->poly1305);
    if (crypto->encrypt == NULL || crypto->nonce == NULL || crypto->mac == NULL)
        return fail_library(err, "encryption");
    memcpy(crypto->mac_r, keys->mac_r, sizeof(crypto->mac_r));
    crypto->iv_next = IV_BUFFER_BYTES;
    *ret_crypto = STEAL(crypto);
    return STATUS_OK;
}

void crypto_free(struct crypto *crypto)
{
    if (crypto == NULL)
        return;
    EVP_CIPHER_CTX_free(crypto->encrypt);
    EVP_CIPHER_CTX_free(crypto->nonce);
    EVP_MAC_CTX_free(crypto->mac);
    EVP_MAC_free(crypto->poly1305);
    OPENSSL_cleanse(crypto, sizeof(*crypto));
    free(crypto);
}

/* An IV of zeros is forbidden by the format; 16 zero bytes by chance would be a broken source. */
static enum status next_iv(struct crypto *crypto, unsigned char iv[SEAL_IV_BYTES],
                           struct error *err)
{
    static const unsigned char zeros[SEAL_IV_BYTES];
    if (crypto->iv_next == IV_BUFFER_BYTES) {
        if (crypto_random(crypto->ivs, sizeof(crypto->ivs), err) != STATUS_OK)
            return error_status(err);
        crypto->iv_next = 0;
    }
    memcpy(iv, crypto->ivs + crypto->iv_next, SEAL_IV_BYTES);
    crypto->iv_next += SEAL_IV_BYTES;
    if (memcmp(iv, zeros, SEAL_IV_BYTES) == 0)
        return FAIL(err, STATUS_INTERNAL, "the random generator returns zeros");
    return STATUS_OK;
}

static enum status mac_start(struct crypto *crypto, const unsigned char iv[SEAL_IV_BYTES],
                             struct error *err)
{
    unsigned char key[32];
    int len = 0;
    memcpy(key, crypto->mac_r, 16);
    bool ready = EVP_EncryptUpdate(crypto->nonce, key + 16, &len, iv, SEAL_IV_BYTES) == 1 &&
                 len == 16 && EVP_MAC_init(crypto->mac, key, sizeof(key), NULL) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    return ready ? STATUS_OK : fail_library(err, "Poly1305");
}

static enum status mac_finish(struct crypto *crypto, unsigned char mac[SEAL_MAC_BYTES],
                              struct error *err)
{
    size_t len = 0;
    if (EVP_MAC_final(crypto->mac, mac, &len, SEAL_MAC_BYTES) != 1 || len != SEAL_MAC_BYTES)
        return fail_library(err, "Poly1305");
    return STATUS_OK;
}

enum status crypto_decrypt_start(struct crypto *crypto, const unsigned char iv[SEAL_IV_BYTES],
                                 struct error *err)
{
    if (EVP_EncryptInit_ex2(crypto->encrypt, NULL, NULL, iv, NULL) != 1)
        return fail_library(err, "AES-256-CTR");
    return STATUS_OK;
}

static enum status apply_slice(struct crypto *crypto, const unsigned char *in, size_t len,
                               unsigned char *out, struct error *err)
{
    int done = 0;
    if (EVP_EncryptUpdate(crypto->encrypt, out, &done, in, (int)len) != 1 || (size_t)done != len)
        return fail_library(err, "AES-256-CTR");
    return STATUS_OK;
}

static size_t slice_of(size_t len)
{
    return len < SLICE_BYTES ? len : SLICE_BYTES;
}

enum status crypto_decrypt_piece(struct crypto *crypto, const unsigned char *in, size_t len,
                                 unsigned char *out, struct error *err)
{
    for (size_t done = 0; done < len; done += slice_of(len - done))
        if (apply_slice(crypto, in + done, slice_of(len - done), out + done, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

enum status crypto_seal_start(struct crypto *crypto, unsigned char iv[SEAL_IV_BYTES],
                              struct error *err)
{
    if (next_iv(crypto, iv, err) != STATUS_OK || crypto_decrypt_start(crypto, iv, err) != STATUS_OK)
        return error_status(err);
    return mac_start(crypto, iv, err);
}

enum status crypto_seal_piece(struct crypto *crypto, unsigned char *bytes, size_t len,
                              struct error *err)
{
    while (len > 0) {
        size_t slice = slice_of(len);
        if (apply_slice(crypto, bytes, slice, bytes, err) != STATUS_OK ||
            crypto_check_piece(crypto, bytes, slice, err) != STATUS_OK)
            return error_status(err);
        bytes += slice;
        len -= slice;
    }
    return STATUS_OK;
}

enum status crypto_seal_finish(struct crypto *crypto, unsigned char mac[SEAL_MAC_BYTES],
                               struct error *err)
{
    return mac_finish(crypto, mac, err);
}

enum status crypto_check_start(struct crypto *crypto, const unsigned char iv[SEAL_IV_BYTES],
                               struct error *err)
{
    return mac_start(crypto, iv, err);
}

enum status crypto_check_piece(struct crypto *crypto, const unsigned char *bytes, size_t len,
                               struct error *err)
{
    if (EVP_MAC_update(crypto->mac, bytes, len) != 1)
        return fail_library(err, "Poly1305");
    return STATUS_OK;
}

enum status crypto_check_finish(struct crypto *crypto, const unsigned char mac[SEAL_MAC_BYTES],
                                struct error *err)
{
    unsigned char expected[SEAL_MAC_BYTES];
    if (mac_finish(crypto, expected, err) != STATUS_OK)
        return error_status(err);
    if (CRYPTO_memcmp(expected, mac, SEAL_MAC_BYTES) != 0)
        return FAIL(err, STATUS_CORRUPT, "the authentication tag does not fit the bytes");
    return STATUS_OK;
}

enum status crypto_seal(struct crypto *crypto, unsigned char *bytes, size_t len, struct error *err)
{
    unsigned char *text = bytes + SEAL_IV_BYTES;
    if (crypto_seal_start(crypto, bytes, err) != STATUS_OK ||
        crypto_seal_piece(crypto, text, len, err) != STATUS_OK)
        return error_status(err);
    return crypto_seal_finish(crypto, text + len, err);
}

enum status crypto_open(struct crypto *crypto, unsigned char *bytes, size_t len, size_t *ret_len,
                        struct error *err)
{
    if (len < SEAL_OVERHEAD)
        return FAIL(err, STATUS_CORRUPT, "%zu bytes are too few to be sealed ones", len);
    unsigned char *text = bytes + SEAL_IV_BYTES;
    size_t text_len = len - SEAL_OVERHEAD;
    if (crypto_check_start(crypto, bytes, err) != STATUS_OK ||
        crypto_check_piece(crypto, text, text_len, err) != STATUS_OK ||
        crypto_check_finish(crypto, text + text_len, err) != STATUS_OK ||
        crypto_decrypt_start(crypto, bytes, err) != STATUS_OK ||
        crypto_decrypt_piece(crypto, text, text_len, text, err) != STATUS_OK)
        return error_status(err);
    *ret_len = text_len;
    return STATUS_OK;
}

enum status hash_new(struct hash **ret_hash, struct error *err)
{
    CLEANUP(hash_freep) struct hash *hash = calloc(1, sizeof(*hash));
    if (hash == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "SHA-256");
    hash->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hash->context = EVP_MD_CTX_new();
    if (hash->sha256 == NULL || hash->context == NULL)
        return fail_library(err, "SHA-256");
    *ret_hash = STEAL(hash);
    return STATUS_OK;
}

void hash_free(struct hash *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->context);
    EVP_MD_free(hash->sha256);
    free(hash);
}

enum status hash_start(struct hash *hash, struct error *err)
{
    if (EVP_DigestInit_ex2(hash->context, hash->sha256, NULL) != 1)
        return fail_library(err, "SHA-256");
    return STATUS_OK;
}

enum status hash_piece(struct hash *hash, const void *bytes, size_t len, struct error *err)
{
    if (EVP_DigestUpdate(hash->context, bytes, len) != 1)
        return fail_library(err, "SHA-256");
    return STATUS_OK;
}

enum status hash_finish(struct hash *hash, unsigned char digest[HASH_BYTES], struct error *err)
{
    unsigned len = 0;
    if (EVP_DigestFinal_ex(hash->context, digest, &len) != 1 || len != HASH_BYTES)
        return fail_library(err, "SHA-256");
    return STATUS_OK;
}

enum status hash_bytes(struct hash *hash, const void *bytes, size_t len,
                       unsigned char digest[HASH_BYTES], struct error *err)
{
    if (hash_start(hash, err) != STATUS_OK || hash_piece(hash, bytes, len, err) != STATUS_OK)
        return error_status(err);
    return hash_finish(hash, digest, err);
}
