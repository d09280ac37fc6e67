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
#include "model/backup.h"

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_DIGEST_SIZE = 65 };

struct idempotency_key {
    char digest[IDEMPOTENCY_DIGEST_SIZE]; /* "": the request has none */
    char fingerprint[IDEMPOTENCY_DIGEST_SIZE];
};

/* The header. False: problem says what is wrong with it. */
bool idempotency_key_read(const struct exchange *exchange, struct idempotency_key *ret_key,
                          struct problem *problem);

/* The rest of it, where there is a key. */
bool idempotency_key_read_request(const struct exchange *exchange,
                                  const struct backup_request *request, struct idempotency_key *key,
                                  struct problem *problem);

/* What two requests have in common that ask for the same. NULL only without memory. Caller frees.
 */
char *idempotency_key_canonical(const struct backup_request *request);

#endif
