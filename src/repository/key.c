#include "key.h"

#include "core/base64.h"
#include "quote.h"
#include "stored_json.h"
#include "timestamp.h"
#include "whoami.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>
#include <string.h>

enum {
    SALT_BYTES = 64,
    OUR_N = 32768,
    OUR_R = 8,
    OUR_P = 1,
    DATA_TEXT_MAX = 4096,
    MASTER_TEXT_MAX = 256
};

static const uint64_t scrypt_memory_max = UINT64_C(128) << 20;
static const uint64_t scrypt_work_max = UINT64_C(1) << 24; /* N * r * p: about 8 s */

struct scrypt_parameters {
    uint64_t n;
    uint32_t r, p;
    unsigned char salt[SALT_BYTES];
};

static bool parameters_are_bearable(const struct scrypt_parameters *scrypt)
{
    return scrypt->n >= 2 && (scrypt->n & (scrypt->n - 1)) == 0 && scrypt->r >= 1 &&
           scrypt->p >= 1 && scrypt->n <= scrypt_work_max &&
           scrypt->r <= scrypt_work_max / scrypt->n &&
           scrypt->p <= scrypt_work_max / scrypt->n / scrypt->r &&
           UINT64_C(128) * scrypt->r * scrypt->n <= scrypt_memory_max;
}

/* 64 bytes: encryption key, then the two halves of the authentication key. */
static enum status derive(const char *passphrase, const struct scrypt_parameters *scrypt,
                          struct crypto_keys *ret_keys, struct error *err)
{
    uint64_t n = scrypt->n;
    uint32_t r = scrypt->r;
    uint32_t p = scrypt->p;
    /* OpenSSL's own limit of 32 MiB refuses what restic uses. */
    uint64_t memory = 128 * (uint64_t)r * (n + p + 2) + (1 << 20);
    /* NOLINTBEGIN(performance-no-int-to-ptr): OpenSSL only reads there */
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)passphrase,
                                strlen(passphrase)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)scrypt->salt, SALT_BYTES),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_END,
    };
    /* NOLINTEND(performance-no-int-to-ptr) */
    unsigned char derived[64];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool done =
        context != NULL && EVP_KDF_derive(context, derived, sizeof(derived), parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    if (!done)
        return FAIL(err, STATUS_INTERNAL, "scrypt failed");
    memcpy(ret_keys->encrypt, derived, 32);
    memcpy(ret_keys->mac_k, derived + 32, 16);
    memcpy(ret_keys->mac_r, derived + 48, 16);
    OPENSSL_cleanse(derived, sizeof(derived));
    return STATUS_OK;
}

/* A member that holds Base64; *ret_len is at most max. */
static enum status get_base64(const json_t *object, const char *field, unsigned char *bytes,
                              size_t max, size_t *ret_len, struct error *err)
{
    const char *text = NULL;
    if (json_get_text(object, field, &text, err) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "'%s' is missing", field);
    size_t len = strlen(text);
    if (len / 4 * 3 > max || !base64_decode(text, len, bytes, ret_len))
        return FAIL(err, STATUS_CORRUPT, "'%s' is not Base64 of at most %zu bytes", field, max);
    return STATUS_OK;
}

static enum status read_parameters(const json_t *json, struct scrypt_parameters *ret_scrypt,
                                   struct error *err)
{
    const char *kdf = NULL;
    int64_t n = 0;
    int64_t r = 0;
    int64_t p = 0;
    unsigned char salt[SALT_BYTES + 3];
    size_t salt_len = 0;
    if (json_get_text(json, "kdf", &kdf, err) != STATUS_OK || strcmp(kdf, "scrypt") != 0)
        return FAIL(err, STATUS_UNSUPPORTED, "a key derivation other than scrypt");
    if (json_get_integer(json, "N", &n, err) != STATUS_OK ||
        json_get_integer(json, "r", &r, err) != STATUS_OK ||
        json_get_integer(json, "p", &p, err) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "scrypt parameters are missing");
    if (get_base64(json, "salt", salt, sizeof(salt), &salt_len, err) != STATUS_OK)
        return error_status(err);
    if (salt_len != SALT_BYTES || n < 0 || r < 0 || p < 0 || r > INT32_MAX || p > INT32_MAX)
        return FAIL(err, STATUS_CORRUPT, "impossible scrypt parameters");
    ret_scrypt->n = (uint64_t)n;
    ret_scrypt->r = (uint32_t)r;
    ret_scrypt->p = (uint32_t)p;
    memcpy(ret_scrypt->salt, salt, SALT_BYTES);
    if (!parameters_are_bearable(ret_scrypt))
        return FAIL(err, STATUS_UNSUPPORTED, "scrypt parameters that cost too much");
    return STATUS_OK;
}

static enum status get_key(const json_t *object, const char *field, unsigned char *key, size_t size,
                           struct error *err)
{
    unsigned char bytes[64];
    unsigned char any = 0;
    size_t len = 0;
    if (get_base64(object, field, bytes, sizeof(bytes), &len, err) != STATUS_OK)
        return error_status(err);
    if (len != size)
        return FAIL(err, STATUS_CORRUPT, "'%s' has %zu bytes instead of %zu", field, len, size);
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    memcpy(key, bytes, size);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (any == 0)
        return FAIL(err, STATUS_CORRUPT, "'%s' is all zeros", field);
    return STATUS_OK;
}

/* {"mac":{"k":"…","r":"…"},"encrypt":"…"} */
static enum status read_master(const void *text, size_t len, struct crypto_keys *ret_keys,
                               struct error *err)
{
    json_auto_t *json = NULL;
    if (stored_json_read(text, len, &json, err) != STATUS_OK)
        return error_status(err);
    const json_t *mac = json_object_get(json, "mac");
    if (get_key(mac, "k", ret_keys->mac_k, sizeof(ret_keys->mac_k), err) != STATUS_OK ||
        get_key(mac, "r", ret_keys->mac_r, sizeof(ret_keys->mac_r), err) != STATUS_OK)
        return error_status(err);
    return get_key(json, "encrypt", ret_keys->encrypt, sizeof(ret_keys->encrypt), err);
}

/* Tries the passphrase on the sealed master key. */
static enum status open_master(const struct crypto_keys *user, unsigned char *sealed, size_t len,
                               struct crypto_keys *ret_keys, bool *ret_opened, struct error *err)
{
    CLEANUP(crypto_freep) struct crypto *crypto = NULL;
    size_t text_len = 0;
    if (crypto_new(user, &crypto, err) != STATUS_OK)
        return error_status(err);
    enum status status = crypto_open(crypto, sealed, len, &text_len, err);
    *ret_opened = status == STATUS_OK;
    if (status == STATUS_CORRUPT && len >= SEAL_OVERHEAD)
        return STATUS_OK; /* a wrong passphrase looks like this */
    if (status == STATUS_OK)
        status = read_master(sealed + SEAL_IV_BYTES, text_len, ret_keys, err);
    OPENSSL_cleanse(sealed, len);
    return status;
}

enum status key_file_open(const void *text, size_t len, const char *passphrase,
                          struct crypto_keys *ret_keys, bool *ret_opened, struct error *err)
{
    json_auto_t *json = NULL;
    struct scrypt_parameters scrypt;
    struct crypto_keys user;
    unsigned char sealed[DATA_TEXT_MAX];
    size_t sealed_len = 0;
    if (stored_json_read(text, len, &json, err) != STATUS_OK ||
        read_parameters(json, &scrypt, err) != STATUS_OK ||
        get_base64(json, "data", sealed, sizeof(sealed), &sealed_len, err) != STATUS_OK ||
        derive(passphrase, &scrypt, &user, err) != STATUS_OK)
        return error_status(err);
    enum status status = open_master(&user, sealed, sealed_len, ret_keys, ret_opened, err);
    OPENSSL_cleanse(&user, sizeof(user));
    return status;
}

enum status crypto_keys_random(struct crypto_keys *ret_keys, struct error *err)
{
    return crypto_random(ret_keys, sizeof(*ret_keys), err);
}

/* The master key as restic has it, sealed with the user's: bytes with IV and MAC. */
static enum status seal_master(const struct crypto_keys *keys, const struct crypto_keys *user,
                               unsigned char *sealed, size_t *ret_len, struct error *err)
{
    CLEANUP(crypto_freep) struct crypto *crypto = NULL;
    if (crypto_new(user, &crypto, err) != STATUS_OK)
        return error_status(err);
    char *start = (char *)sealed + SEAL_IV_BYTES;
    char *to = stpcpy(start, "{\"mac\":{\"k\":\"");
    to = base64_encode(keys->mac_k, sizeof(keys->mac_k), to);
    to = stpcpy(to, "\",\"r\":\"");
    to = base64_encode(keys->mac_r, sizeof(keys->mac_r), to);
    to = stpcpy(to, "\"},\"encrypt\":\"");
    to = base64_encode(keys->encrypt, sizeof(keys->encrypt), to);
    to = stpcpy(to, "\"}");
    size_t len = (size_t)(to - start);
    *ret_len = len + SEAL_OVERHEAD;
    return crypto_seal(crypto, sealed, len, err);
}

static enum status write_text(const struct scrypt_parameters *scrypt, const unsigned char *sealed,
                              size_t sealed_len, struct buffer *text, struct error *err)
{
    struct whoami me;
    whoami(&me);
    char head[TIMESTAMP_MAX + QUOTED_MAX(WHOAMI_MAX) * 2 + 64];
    char numbers[128];
    char data[BASE64_LEN(MASTER_TEXT_MAX) + BASE64_LEN(SALT_BYTES) + 32];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);

    char *to = stpcpy(head, "{\"created\":\"");
    to = stpcpy(timestamp_write(to, now), "\",\"username\":");
    to = stpcpy(quote_json(to, me.user, strlen(me.user)), ",\"hostname\":");
    to = quote_json(to, me.host, strlen(me.host));
    if (buffer_add(text, head, (size_t)(to - head), err) != STATUS_OK)
        return error_status(err);

    (void)snprintf(numbers, sizeof(numbers), ",\"kdf\":\"scrypt\",\"N\":%llu,\"r\":%u,\"p\":%u",
                   (unsigned long long)scrypt->n, scrypt->r, scrypt->p);
    to = base64_encode(scrypt->salt, SALT_BYTES, stpcpy(data, ",\"salt\":\""));
    to = stpcpy(base64_encode(sealed, sealed_len, stpcpy(to, "\",\"data\":\"")), "\"}");
    if (buffer_add_text(text, numbers, err) != STATUS_OK)
        return error_status(err);
    return buffer_add(text, data, (size_t)(to - data), err);
}

enum status key_file_write(const struct crypto_keys *keys, const char *passphrase,
                           struct buffer *text, struct error *err)
{
    struct scrypt_parameters scrypt = {.n = OUR_N, .r = OUR_R, .p = OUR_P};
    struct crypto_keys user;
    unsigned char sealed[MASTER_TEXT_MAX];
    size_t len = 0;
    if (crypto_random(scrypt.salt, sizeof(scrypt.salt), err) != STATUS_OK ||
        derive(passphrase, &scrypt, &user, err) != STATUS_OK)
        return error_status(err);
    enum status status = seal_master(keys, &user, sealed, &len, err);
    OPENSSL_cleanse(&user, sizeof(user));
    if (status != STATUS_OK)
        return status;
    return write_text(&scrypt, sealed, len, text, err);
}
