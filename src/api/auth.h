/*
 * Auth: who asks, by the bearer token. Only hashes are known here, and all of them are compared,
 * each in constant time, so that the answer's delay tells nothing about which one was near.
 *
 * Source    RFC 6750
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "digest.h"
#include "model/account.h"
#include "problem.h"

#include <stddef.h>

/* Borrowed from the accounts. */
struct caller {
    const struct account *account;
    const struct token *token;
};

struct auth {
    const struct account *accounts;
    size_t account_count;
    struct digest *digest;
};

/*
 * header: the value of Authorization, NULL if absent. A token that several accounts have stands for
 * wanted_account if that is among them. NONE on success; TOKEN_MISSING, TOKEN_INVALID, INTERNAL.
 */
enum problem_number auth_identify(const struct auth *auth, const char *header,
                                  const char *wanted_account, struct caller *ret_caller) MUST_CHECK;

#endif
