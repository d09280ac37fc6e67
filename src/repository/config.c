#include "config.h"

#include "core/hex.h"
#include "crypto.h"
#include "polynomial.h"
#include "stored_json.h"

#include <stdio.h>
#include <string.h>

enum { VERSION_MIN = 1, VERSION = 2, ID_BYTES = 32, POLYNOMIAL_DEGREE = 53 };

static enum status read_polynomial(const json_t *json, uint64_t *ret_polynomial, struct error *err)
{
    const char *text = NULL;
    uint64_t polynomial = 0;
    if (json_get_text(json, "chunker_polynomial", &text, err) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "'chunker_polynomial' is missing");
    size_t len = strlen(text);
    if (len == 0 || len > 16 || strspn(text, "0123456789abcdef") != len)
        return FAIL(err, STATUS_CORRUPT, "'chunker_polynomial' is not hexadecimal");
    for (; *text != '\0'; text++)
        polynomial = polynomial << 4 | (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    if (polynomial_degree(polynomial) != POLYNOMIAL_DEGREE ||
        !polynomial_is_irreducible(polynomial))
        return FAIL(err, STATUS_CORRUPT, "'chunker_polynomial' is not irreducible of degree %d",
                    POLYNOMIAL_DEGREE);
    *ret_polynomial = polynomial;
    return STATUS_OK;
}

/* rustic can chunk otherwise. To write with our boundaries would do no harm but to the
 * deduplication, which is what its owner chose the other chunker for. */
static const char *why_read_only(const json_t *json, int64_t version)
{
    const json_t *chunker = json_object_get(json, "chunker");
    if (version != VERSION)
        return "a repository of format 1 can only be read";
    if (chunker != NULL && !json_is_null(chunker) &&
        (!json_is_string(chunker) || strcmp(json_string_value(chunker), "Rabin") != 0))
        return "its chunker is not restic's";
    if (json_object_get(json, "chunk_size") != NULL ||
        json_object_get(json, "chunk_min_size") != NULL ||
        json_object_get(json, "chunk_max_size") != NULL)
        return "its chunks have other sizes than restic's";
    return NULL;
}

/* Only a name for what is kept of it elsewhere: without one it is as good a repository. */
static void read_id(const json_t *json, char id[CONFIG_ID_SIZE])
{
    const char *text = json_string_value(json_object_get(json, "id"));
    unsigned char bytes[ID_BYTES];
    if (text != NULL && hex_decode(text, bytes, sizeof(bytes)))
        memcpy(id, text, CONFIG_ID_SIZE);
}

enum status config_read(const void *text, size_t len, struct repository_config *ret_config,
                        struct error *err)
{
    json_auto_t *json = NULL;
    int64_t version = 0;
    struct repository_config config = {.read_only = NULL};
    if (stored_json_read(text, len, &json, err) != STATUS_OK)
        return error_status(err);
    if (json_get_integer(json, "version", &version, err) != STATUS_OK)
        return FAIL(err, STATUS_CORRUPT, "'version' is missing");
    if (version < VERSION_MIN || version > VERSION)
        return FAIL(err, STATUS_UNSUPPORTED, "repository format %lld", (long long)version);
    if (read_polynomial(json, &config.polynomial, err) != STATUS_OK)
        return error_status(err);
    config.version = (unsigned)version;
    read_id(json, config.id);
    config.read_only = why_read_only(json, version);
    *ret_config = config;
    return STATUS_OK;
}

enum status config_write(char text[CONFIG_TEXT_MAX], struct error *err)
{
    unsigned char random[ID_BYTES];
    char id[2 * ID_BYTES + 1];
    if (crypto_random(random, sizeof(random), err) != STATUS_OK)
        return error_status(err);
    hex_encode(random, sizeof(random), id);
    (void)snprintf(text, CONFIG_TEXT_MAX,
                   "{\"version\":%d,\"id\":\"%s\",\"chunker_polynomial\":\"%llx\"}", VERSION, id,
                   (unsigned long long)polynomial_random());
    return STATUS_OK;
}
