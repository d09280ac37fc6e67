#include "idempotency_key.h"

#include "core/hex.h"

#include <string.h>

#define KEY_HEADER "Idempotency-Key"

static bool is_key(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return true;
}

static bool digest_text(const struct exchange *exchange, const char *text,
                        char ret_digits[IDEMPOTENCY_DIGEST_SIZE], struct problem *problem)
{
    unsigned char hash[DIGEST_SHA256_SIZE];
    if (!digest_sha256(exchange->api->auth.digest, text, strlen(text), hash)) {
        problem_set(problem, PROBLEM_INTERNAL);
        return false;
    }
    hex_encode(hash, sizeof(hash), ret_digits);
    return true;
}

bool idempotency_key_read(const struct exchange *exchange, struct idempotency_key *ret_key,
                          struct problem *problem)
{
    const char *key = http_request_header(exchange->request, KEY_HEADER);
    *ret_key = (struct idempotency_key){.digest = ""};
    if (key == NULL)
        return true;
    if (!is_key(key)) {
        problem_add_reason(problem, PROBLEM_HEADERS_INVALID, KEY_HEADER,
                           "1 to 255 printable ASCII characters are expected");
        return false;
    }
    return digest_text(exchange, key, ret_key->digest, problem);
}

bool idempotency_key_read_request(const struct exchange *exchange, const char *canonical,
                                  struct idempotency_key *key, struct problem *problem)
{
    if (canonical == NULL) {
        problem_set(problem, PROBLEM_NOT_READY);
        return false;
    }
    return digest_text(exchange, canonical, key->fingerprint, problem);
}
