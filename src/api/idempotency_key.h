/*
 * Once: a POST with an Idempotency-Key makes at most one resource, however often it is sent.
 *
 * The key and what is asked for go to the store as digests. The request is digested as it was
 * understood, so that order, white space and what is ignored in a body make no other request of it.
 *
 * Limits    a key has ONCE_KEY_MAX printable ASCII characters at most; two keys are the same if
 *           they are byte for byte
 */
#ifndef API_ONCE_H
#define API_ONCE_H

#include "exchange.h"
#include "model/backup.h"

enum { ONCE_KEY_MAX = 255, ONCE_DIGEST_SIZE = 65 };

struct once {
    char key[ONCE_DIGEST_SIZE]; /* "": the request has none */
    char fingerprint[ONCE_DIGEST_SIZE];
};

/* The header. False: problem says what is wrong with it. */
bool once_read_key(const struct exchange *exchange, struct once *ret_once, struct problem *problem);

/* The rest of it, where there is a key. */
bool once_read_request(const struct exchange *exchange, const struct backup_request *request,
                       struct once *once, struct problem *problem);

/* What two requests have in common that ask for the same. NULL only without memory. Caller frees.
 */
char *once_canonical(const struct backup_request *request);

#endif
