/*
 * AWS Signature Version 4, in the Authorization header.
 *
 * Source    "Authenticating Requests: Using the Authorization Header", Amazon S3 API Reference
 */
#ifndef BUCKET_S3_SIGN_H
#define BUCKET_S3_SIGN_H

#include "bucket/s3_credentials.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
    S3_REGION_MAX = 64,
    S3_DATE_SIZE = sizeof("20130524T000000Z"),
    S3_SHA256_SIZE = 65, /* lower-case hex and a NUL */
    S3_AUTHORIZATION_SIZE = 768
};

struct s3_signed_header {
    const char *name; /* lower case */
    const char *value;
};

struct s3_signed {
    const char *method;
    const char *path;  /* as sent: percent-encoded, each '/' kept */
    const char *query; /* as sent: encoded, sorted by name; "" for none */
    const struct s3_signed_header
        *headers; /* sorted by name; with host, x-amz-date and all x-amz- */
    size_t header_count;
    const char *payload_sha256;
    const char *date;
    const char *region;
};

void s3_date(int64_t wall_ms, char date[S3_DATE_SIZE]);

/* The header's value, without its name. */
enum status s3_sign(const struct s3_signed *what, const struct s3_credentials *credentials,
                    char authorization[S3_AUTHORIZATION_SIZE], struct error *err) MUST_CHECK;

#endif
