#include "digest.h"

#include "core/hex.h"

#include <openssl/err.h>
#include <openssl/evp.h>

enum { MD5_SIZE = 16 };

struct digest {
    EVP_MD *sha256;
    EVP_MD *md5; /* NULL: not offered by this OpenSSL */
    EVP_MD_CTX *context;
};

enum status digest_new(struct digest **ret_digest, struct error *err)
{
    CLEANUP(digest_freep) struct digest *digest = NULL;
    digest = calloc(1, sizeof(*digest));
    if (digest == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "digest");
    digest->context = EVP_MD_CTX_new();
    digest->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    if (digest->context == NULL || digest->sha256 == NULL)
        return FAIL(err, STATUS_UNSUPPORTED, "OpenSSL offers no SHA-256");
    ERR_clear_error(); /* a missing MD5 is no error of the next caller */
    *ret_digest = STEAL(digest);
    return STATUS_OK;
}

void digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->sha256);
    EVP_MD_free(digest->md5);
    free(digest);
}

static bool compute(const struct digest *digest, const EVP_MD *algorithm, const char *text,
                    size_t len, unsigned char *hash)
{
    return EVP_DigestInit_ex2(digest->context, algorithm, NULL) == 1 &&
           EVP_DigestUpdate(digest->context, text, len) == 1 &&
           EVP_DigestFinal_ex(digest->context, hash, NULL) == 1;
}

bool digest_sha256(struct digest *digest, const char *text, size_t len,
                   unsigned char hash[DIGEST_SHA256_SIZE])
{
    return compute(digest, digest->sha256, text, len, hash);
}

bool digest_tag(struct digest *digest, const char *text, size_t len, char tag[DIGEST_TAG_SIZE])
{
    unsigned char hash[MD5_SIZE];
    if (digest->md5 == NULL || !compute(digest, digest->md5, text, len, hash))
        return false;
    tag[0] = '"';
    hex_encode(hash, sizeof(hash), tag + 1);
    tag[1 + 2 * MD5_SIZE] = '"';
    tag[2 + 2 * MD5_SIZE] = '\0';
    return true;
}
