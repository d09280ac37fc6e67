/*
 * Digests: SHA-256 for tokens and MD5 for entity tags. The algorithms are looked up once: that
 * costs more than the digest of a short text.
 *
 * Errors    UNSUPPORTED: this OpenSSL has no SHA-256. Without MD5 (FIPS) there are no tags.
 * Threads   one
 */
#ifndef API_DIGEST_H
#define API_DIGEST_H

#include "core/cleanup.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_SHA256_SIZE = 32, DIGEST_TAG_SIZE = 2 * 16 + 3 }; /* a tag: quotes, digits, NUL */

struct digest;

enum status digest_new(struct digest **ret_digest, struct error *err) MUST_CHECK;
void digest_free(struct digest *digest);
DEFINE_CLEANUP(struct digest *, digest_free)

bool digest_sha256(struct digest *digest, const char *text, size_t len,
                   unsigned char hash[DIGEST_SHA256_SIZE]) MUST_CHECK;

/* The strong entity tag of these bytes, with its quotes. False: there is none. */
bool digest_tag(struct digest *digest, const char *text, size_t len, char tag[DIGEST_TAG_SIZE])
    MUST_CHECK;

#endif
