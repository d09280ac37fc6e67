#include "s3_sign.h"

#include "core/buffer.h"
#include "core/hex.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SERVICE   "s3"
#define TERMINAL  "aws4_request"

enum {
    DIGEST_SIZE = 32,
    DAY_LEN = sizeof("20130524") - 1,
    CANONICAL_MAX = 32768, /* with a session token, and the query of a listing */
    SCOPE_SIZE = 128
};

void s3_date(int64_t wall_ms, char date[S3_DATE_SIZE])
{
    time_t seconds = wall_ms / 1000;
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(date, S3_DATE_SIZE, "%Y%m%dT%H%M%SZ", &utc);
}

static enum status add_all(struct buffer *buffer, const char *const *texts, size_t count,
                           struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (buffer_add_text(buffer, texts[i], err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

#define ADD(buffer, err, ...)                             \
    add_all((buffer), (const char *const[]){__VA_ARGS__}, \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), (err))

static enum status add_header_names(struct buffer *buffer, const struct s3_signed *what,
                                    struct error *err)
{
    for (size_t i = 0; i < what->header_count; i++)
        if (ADD(buffer, err, i == 0 ? "" : ";", what->headers[i].name) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

static enum status canonical_request(struct buffer *buffer, const struct s3_signed *what,
                                     struct error *err)
{
    if (ADD(buffer, err, what->method, "\n", what->path, "\n", what->query, "\n") != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < what->header_count; i++) {
        const struct s3_signed_header *header = &what->headers[i];
        if (ADD(buffer, err, header->name, ":", header->value, "\n") != STATUS_OK)
            return error_status(err);
    }
    if (ADD(buffer, err, "\n") != STATUS_OK || add_header_names(buffer, what, err) != STATUS_OK)
        return error_status(err);
    return ADD(buffer, err, "\n", what->payload_sha256);
}

static enum status hash_of_request(const struct s3_signed *what, char hash[S3_SHA256_SIZE],
                                   struct error *err)
{
    struct buffer canonical;
    unsigned char digest[DIGEST_SIZE];
    buffer_init(&canonical, CANONICAL_MAX);
    enum status status = canonical_request(&canonical, what, err);
    if (status == STATUS_OK &&
        EVP_Digest(canonical.bytes, canonical.len, digest, NULL, EVP_sha256(), NULL) != 1)
        status = FAIL(err, STATUS_INTERNAL, "SHA-256 failed");
    if (canonical.bytes != NULL) /* the session token is in it */
        OPENSSL_cleanse(canonical.bytes, canonical.len);
    buffer_done(&canonical);
    if (status == STATUS_OK)
        hex_encode(digest, sizeof(digest), hash);
    return status;
}

static enum status hmac(const void *key, size_t key_len, const char *text,
                        unsigned char digest[DIGEST_SIZE], struct error *err)
{
    if (HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), digest,
             NULL) == NULL)
        return FAIL(err, STATUS_INTERNAL, "HMAC-SHA256 failed");
    return STATUS_OK;
}

static enum status signing_key(const char *secret, const char *day, const char *region,
                               unsigned char key[DIGEST_SIZE], struct error *err)
{
    char first[SECRET_MAX + sizeof("AWS4")];
    int len = snprintf(first, sizeof(first), "AWS4%s", secret);
    enum status status = hmac(first, (size_t)len, day, key, err);
    OPENSSL_cleanse(first, sizeof(first));
    const char *const rest[] = {region, SERVICE, TERMINAL};
    for (size_t i = 0; status == STATUS_OK && i < sizeof(rest) / sizeof(rest[0]); i++)
        status = hmac(key, DIGEST_SIZE, rest[i], key, err);
    return status;
}

static enum status signature(const struct s3_signed *what, const struct s3_credentials *credentials,
                             const char *day, const char *scope, char text[S3_SHA256_SIZE],
                             struct error *err)
{
    char hash[S3_SHA256_SIZE];
    char to_sign[sizeof(ALGORITHM) + S3_DATE_SIZE + SCOPE_SIZE + S3_SHA256_SIZE + 4];
    unsigned char key[DIGEST_SIZE];
    unsigned char digest[DIGEST_SIZE];
    if (hash_of_request(what, hash, err) != STATUS_OK)
        return error_status(err);
    (void)snprintf(to_sign, sizeof(to_sign), ALGORITHM "\n%s\n%s\n%s", what->date, scope, hash);
    enum status status =
        signing_key(secret_text(credentials->secret_key), day, what->region, key, err);
    if (status == STATUS_OK)
        status = hmac(key, sizeof(key), to_sign, digest, err);
    OPENSSL_cleanse(key, sizeof(key));
    if (status == STATUS_OK)
        hex_encode(digest, sizeof(digest), text);
    return status;
}

enum status s3_sign(const struct s3_signed *what, const struct s3_credentials *credentials,
                    char authorization[S3_AUTHORIZATION_SIZE], struct error *err)
{
    char day[DAY_LEN + 1];
    char scope[SCOPE_SIZE];
    char signed_by[S3_SHA256_SIZE];
    memcpy(day, what->date, DAY_LEN);
    day[DAY_LEN] = '\0';
    if (snprintf(scope, sizeof(scope), "%s/%s/" SERVICE "/" TERMINAL, day, what->region) >=
        (int)sizeof(scope))
        return FAIL(err, STATUS_INVALID, "region '%.20s…' is too long", what->region);
    if (signature(what, credentials, day, scope, signed_by, err) != STATUS_OK)
        return FAIL_IN(err, "sign");

    struct buffer names;
    buffer_init(&names, S3_AUTHORIZATION_SIZE);
    enum status status = add_header_names(&names, what, err);
    if (status == STATUS_OK &&
        snprintf(authorization, S3_AUTHORIZATION_SIZE,
                 ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                 credentials->access_key, scope, (const char *)names.bytes,
                 signed_by) >= S3_AUTHORIZATION_SIZE)
        status = FAIL(err, STATUS_TOO_LARGE, "the signature's header is too long");
    buffer_done(&names);
    return status;
}
