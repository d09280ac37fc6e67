#include "auth.h"

#include <openssl/crypto.h>

#include <string.h>
#include <strings.h>

/* The token in "Bearer <token>", or NULL. */
static const char *token_in(const char *header, size_t *ret_len)
{
    static const char scheme[] = "Bearer";
    const size_t scheme_len = sizeof(scheme) - 1;

    if (header == NULL || strncasecmp(header, scheme, scheme_len) != 0 || header[scheme_len] != ' ')
        return NULL;
    const char *token = header + scheme_len;
    token += strspn(token, " ");
    size_t len = strlen(token);
    while (len > 0 && token[len - 1] == ' ')
        len--;
    if (len == 0)
        return NULL;
    *ret_len = len;
    return token;
}

/* No early exit: every hash of every account is looked at. */
static struct caller find_caller(const struct auth *auth,
                                 const unsigned char hash[DIGEST_SHA256_SIZE],
                                 const char *wanted_account)
{
    struct caller caller = {NULL, NULL};
    for (size_t i = 0; i < auth->account_count; i++) {
        const struct account *account = &auth->accounts[i];
        for (size_t j = 0; j < account->token_count; j++) {
            const struct token *token = &account->tokens[j];
            if (CRYPTO_memcmp(token->hash, hash, TOKEN_HASH_SIZE) != 0)
                continue;
            if (caller.account == NULL || strcmp(account->id, wanted_account) == 0)
                caller = (struct caller){account, token};
        }
    }
    return caller;
}

enum problem_number auth_identify(const struct auth *auth, const char *header,
                                  const char *wanted_account, struct caller *ret_caller)
{
    _Static_assert((int)DIGEST_SHA256_SIZE == (int)TOKEN_HASH_SIZE, "tokens are kept as SHA-256");

    size_t len = 0;
    const char *token = token_in(header, &len);
    if (token == NULL)
        return PROBLEM_TOKEN_MISSING;

    unsigned char hash[DIGEST_SHA256_SIZE];
    if (!digest_sha256(auth->digest, token, len, hash))
        return PROBLEM_INTERNAL;
    struct caller caller = find_caller(auth, hash, wanted_account);
    if (caller.token == NULL)
        return PROBLEM_TOKEN_INVALID;
    *ret_caller = caller;
    return PROBLEM_NONE;
}
