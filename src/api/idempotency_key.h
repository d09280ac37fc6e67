/*
 * Idempotency key: a POST with this header makes at most one resource, however often it is sent.
 *
 * The key and what is asked for go to the store as digests. The request is digested as it was
 * understood, so that order, white space and what is ignored in a body make no other request of it.
 *
 * Limits    a key has IDEMPOTENCY_KEY_MAX printable ASCII characters at most; two keys are the same
 *           if they are byte for byte
 */
#ifndef API_IDEMPOTENCY_KEY_H
#define API_IDEMPOTENCY_KEY_H

#include "exchange.h"

#include <stdbool.h>

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_DIGEST_SIZE = 65 };

struct idempotency_key {
    char digest[IDEMPOTENCY_DIGEST_SIZE]; /* "": the request has none */
    char fingerprint[IDEMPOTENCY_DIGEST_SIZE];
};

/* Reads the header. False: problem says what is wrong with it. */
bool idempotency_key_read(const struct exchange *exchange, struct idempotency_key *ret_key,
                          struct problem *problem);

/* Reads the rest, where there is a key. canonical: the same for two requests that ask for the same;
 * NULL: there is no memory for it. */
bool idempotency_key_read_request(const struct exchange *exchange, const char *canonical,
                                  struct idempotency_key *key, struct problem *problem);

#endif
