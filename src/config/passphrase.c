#include "config/config.h"
#include "core/hex.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MASTER_BYTES_MIN = 32, MASTER_BYTES_MAX = SECRET_MAX / 2, PASSPHRASE_BYTES = 32 };

struct master_key {
    unsigned char bytes[MASTER_BYTES_MAX];
    size_t len;
};

static enum status decode_master_key(const struct secret *secret, struct master_key *ret_key,
                                     struct error *err)
{
    const char *text = secret_text(secret);
    size_t len = strlen(text) / 2;
    if (len < MASTER_BYTES_MIN || len > MASTER_BYTES_MAX ||
        !hex_decode(text, ret_key->bytes, len)) {
        return FAIL(err, STATUS_INVALID,
                    "at least %d digits 0-9 and a-f, an even number of them, are expected",
                    2 * MASTER_BYTES_MIN);
    }
    ret_key->len = len;
    return STATUS_OK;
}

static bool derive(EVP_KDF_CTX *context, const struct master_key *key, char *info,
                   unsigned char bytes[PASSPHRASE_BYTES])
{
    char digest[] = "SHA256";
    struct master_key copy = *key; /* the parameters are not const */
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, copy.bytes, copy.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
        OSSL_PARAM_construct_end(),
    };
    bool derived = EVP_KDF_derive(context, bytes, PASSPHRASE_BYTES, parameters) == 1;
    OPENSSL_cleanse(&copy, sizeof(copy));
    return derived;
}

/* HKDF (RFC 5869) with SHA-256, extract and expand, no salt. */
static bool hkdf(const struct master_key *key, char *info, unsigned char bytes[PASSPHRASE_BYTES])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool derived = context != NULL && derive(context, key, info, bytes);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return derived;
}

static enum status make_passphrase(const struct master_key *key, const char *app_id,
                                   struct secret **ret_passphrase, struct error *err)
{
    char info[sizeof("appbackup repository ") + ID_SIZE];
    (void)snprintf(info, sizeof(info), "appbackup repository %.*s", ID_SIZE - 1, app_id);
    unsigned char bytes[PASSPHRASE_BYTES];
    if (!hkdf(key, info, bytes))
        return FAIL(err, STATUS_INTERNAL, "HKDF");
    char text[2 * PASSPHRASE_BYTES + 1];
    hex_encode(bytes, sizeof(bytes), text);
    enum status status = secret_new(text, ret_passphrase, err);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(text, sizeof(text));
    return status;
}

enum status config_repository_passphrase(const struct config *config, const char *app_id,
                                         struct secret **ret_passphrase, struct error *err)
{
    if (!id_is_valid(app_id))
        return FAIL(err, STATUS_INVALID, "passphrase: '%s' is not the id of an app", app_id);
    CLEANUP(secret_freep) struct secret *secret = NULL;
    if (secret_read(config->master_key_file, &secret, err) != STATUS_OK)
        return config_refuse(config->document, err, "master_key_file");
    struct master_key key = {0};
    enum status status = decode_master_key(secret, &key, err);
    if (status == STATUS_OK)
        status = make_passphrase(&key, app_id, ret_passphrase, err);
    OPENSSL_cleanse(&key, sizeof(key));
    if (status == STATUS_OK)
        return STATUS_OK;
    (void)FAIL_IN(err, "'%s'", config->master_key_file);
    return config_refuse(config->document, err, "master_key_file");
}
