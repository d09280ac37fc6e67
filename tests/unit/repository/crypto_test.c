/* The vectors were made with the openssl command (AES) and the definition of Poly1305-AES in
 * Python's integers, checked against the test vectors of Bernstein's paper. */
#include "src/repository/crypto.h"

#include "core/hex.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static struct crypto *crypto;
static struct crypto_keys keys;
static struct error err;

static void open_crypto(void)
{
    for (int i = 0; i < 32; i++)
        keys.encrypt[i] = (unsigned char)i;
    for (int i = 0; i < 16; i++) {
        keys.mac_k[i] = (unsigned char)(100 + i);
        keys.mac_r[i] = (unsigned char)(200 + i);
    }
    cr_assert(eq(int, (int)crypto_new(&keys, &crypto, &err), (int)STATUS_OK), "%s", err.text);
}

static void close_crypto(void)
{
    crypto_free(crypto);
}

TestSuite(crypto_open, .init = open_crypto, .fini = close_crypto);
TestSuite(crypto_seal, .init = open_crypto, .fini = close_crypto);

static const char sealed_hex[] =
    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffc174bfe84af5e8a335059c27235a0271a9370f259d495ca400fe92a50efd"
    "487f81f1dbd3d27b3d3c8c";
static const char text[] = "Streichholzschaechtelchen";

enum { SEALED_LEN = sizeof(text) - 1 + SEAL_OVERHEAD };

Test(crypto_open, knows_the_answer)
{
    unsigned char sealed[SEALED_LEN];
    size_t len = 0;
    cr_assert(hex_decode(sealed_hex, sealed, sizeof(sealed)));

    enum status status = crypto_open(crypto, sealed, sizeof(sealed), &len, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_assert(eq(sz, len, sizeof(text) - 1));
    cr_assert(memcmp(sealed + SEAL_IV_BYTES, text, len) == 0);
}

Test(crypto_open, knows_the_answer_for_nothing)
{
    unsigned char sealed[SEAL_OVERHEAD];
    size_t len = 1;
    cr_assert(hex_decode("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffb3d5a3774894af259ccb90029bb17c36", sealed,
                         sizeof(sealed)));
    cr_assert(
        eq(int, (int)crypto_open(crypto, sealed, sizeof(sealed), &len, &err), (int)STATUS_OK));
    cr_assert(eq(sz, len, (size_t)0));
}

Test(crypto_open, refuses_every_flipped_bit)
{
    for (size_t bit = 0; bit < 8 * (size_t)SEALED_LEN; bit++) {
        unsigned char sealed[SEALED_LEN];
        size_t len = 0;
        (void)hex_decode(sealed_hex, sealed, sizeof(sealed));
        sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        cr_assert(eq(int, (int)crypto_open(crypto, sealed, sizeof(sealed), &len, &err),
                     (int)STATUS_CORRUPT),
                  "bit %zu", bit);
    }
}

Test(crypto_open, refuses_every_shorter_text)
{
    for (size_t cut = 0; cut < SEALED_LEN; cut++) {
        unsigned char sealed[SEALED_LEN];
        size_t len = 0;
        (void)hex_decode(sealed_hex, sealed, sizeof(sealed));
        cr_assert(eq(int, (int)crypto_open(crypto, sealed, cut, &len, &err), (int)STATUS_CORRUPT));
    }
}

Test(crypto_seal, is_undone_by_open_at_any_length)
{
    static unsigned char bytes[3 * 65536 + SEAL_OVERHEAD + 8], copy[sizeof(bytes)];
    static const size_t lengths[] = {0, 1, 15, 16, 17, 65535, 65536, 65537, 131072, 3 * 65536 + 7};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t len = 0;
        for (size_t j = 0; j < lengths[i]; j++)
            bytes[SEAL_IV_BYTES + j] = (unsigned char)(j * 7 + j / 256);
        memcpy(copy, bytes, sizeof(bytes));

        cr_assert(eq(int, (int)crypto_seal(crypto, bytes, lengths[i], &err), (int)STATUS_OK));
        cr_assert(lengths[i] < 15 ||
                  memcmp(bytes + SEAL_IV_BYTES, copy + SEAL_IV_BYTES, lengths[i]) != 0);
        enum status status = crypto_open(crypto, bytes, lengths[i] + SEAL_OVERHEAD, &len, &err);

        cr_assert(eq(int, (int)status, (int)STATUS_OK), "%zu bytes: %s", lengths[i], err.text);
        cr_assert(eq(sz, len, lengths[i]));
        cr_assert(memcmp(bytes + SEAL_IV_BYTES, copy + SEAL_IV_BYTES, len) == 0);
    }
}

Test(crypto_seal, never_uses_an_iv_twice)
{
    enum { COUNT = 1000 };

    static unsigned char ivs[COUNT][SEAL_OVERHEAD];
    for (int i = 0; i < COUNT; i++) {
        cr_assert(eq(int, (int)crypto_seal(crypto, ivs[i], 0, &err), (int)STATUS_OK));
        for (int j = 0; j < i; j++)
            cr_assert(memcmp(ivs[i], ivs[j], SEAL_IV_BYTES) != 0);
    }
}

Test(hash, knows_the_answer)
{
    struct hash *hash = NULL;
    unsigned char digest[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    cr_assert(eq(int, (int)hash_new(&hash, &err), (int)STATUS_OK));
    for (int i = 0; i < 2; i++) { /* the second time with a used context */
        cr_assert(eq(int, (int)hash_bytes(hash, "abc", 3, digest, &err), (int)STATUS_OK));
        hex_encode(digest, sizeof(digest), hex);
        cr_assert(eq(str, hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    }
    hash_free(hash);
}
