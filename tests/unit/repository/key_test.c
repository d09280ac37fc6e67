/* The key file and the master key in it were made by restic 0.14: `restic cat masterkey`. */
#include "src/repository/key.h"

#include "core/base64.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static struct error err;

#define SALT \
    "73eCk29l4ail9R6e3Q2Q1+Pg4fH2CpBQ22S3big16WOinBh5EG3s6Mnm2G13TftU+2c+SgMOPwbIY9aYndxhbw=="
#define DATA                                                                                       \
    "Ml48CrvsjCrNW+2c0qR0ROQ170vnJ285eVzpNWL3pRp26NN1y/rjp/oatJ55vZ7QSjFX9CKwp19NR7fTDJodLMJ6kCXK" \
    "IEGvCjbMj4E13sV850r20aRC62KhGWLQYSaa6PDdCmJ4uOFr0gNFZNUgKtMdHYYiOzlmLv0wanTxS0/Izt2ABgsWSVGi" \
    "MYVjdShQeHYSUnXaZZHtMvs2OBfWBw=="

static const char restic_key[] =
    "{\"created\":\"2026-11-23T20:43:10.950024575Z\",\"username\":\"root\",\"hostname\":\"vm\","
    "\"kdf\":\"scrypt\",\"N\":32768,\"r\":8,\"p\":1,\"salt\":\"" SALT "\",\"data\":\"" DATA "\"}";

Test(key_file_open, opens_what_restic_made)
{
    struct crypto_keys keys;
    bool opened = false;
    char text[64] = "";

    enum status status =
        key_file_open(restic_key, sizeof(restic_key) - 1, "correct horse", &keys, &opened, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_assert(opened);
    *base64_encode(keys.encrypt, sizeof(keys.encrypt), text) = '\0';
    cr_expect(eq(str, text, "7cVtWcC/kkSdaUzg67/qjPHIUMsq3ZfsfnPKqZGS4mQ="));
    *base64_encode(keys.mac_k, sizeof(keys.mac_k), text) = '\0';
    cr_expect(eq(str, text, "ZhEUK3g3jImb16YAOEW7zQ=="));
    *base64_encode(keys.mac_r, sizeof(keys.mac_r), text) = '\0';
    cr_expect(eq(str, text, "pWCuDHgaVQQgteAJrB9tBA=="));
}

Test(key_file_open, tells_a_wrong_passphrase_from_damage)
{
    struct crypto_keys keys;
    bool opened = true;
    enum status status =
        key_file_open(restic_key, sizeof(restic_key) - 1, "battery staple", &keys, &opened, &err);
    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_assert(not(opened));
}

#define KEY(kdf, n, r, p, salt, data)                                           \
    "{\"kdf\":\"" kdf "\",\"N\":" n ",\"r\":" r ",\"p\":" p ",\"salt\":\"" salt \
    "\",\"data\":\"" data "\"}"

Test(key_file_open, refuses_at_once_what_it_cannot_or_should_not_compute)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"", STATUS_CORRUPT},
        {"[]", STATUS_CORRUPT},
        {"{}", STATUS_UNSUPPORTED},
        {KEY("argon2", "32768", "8", "1", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "32769", "8", "1", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "0", "8", "1", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "1", "8", "1", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "32768", "0", "1", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "32768", "8", "0", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "32768", "8", "-1", SALT, DATA), STATUS_CORRUPT},
        {KEY("scrypt", "1048576", "8", "1", SALT, DATA), STATUS_UNSUPPORTED}, /* 1 GiB */
        {KEY("scrypt", "1024", "8", "1000000", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "1099511627776", "1073741824", "1", SALT, DATA), STATUS_UNSUPPORTED},
        {KEY("scrypt", "\"1\"", "8", "1", SALT, DATA), STATUS_CORRUPT},
        {KEY("scrypt", "16", "1", "1", "AAAA", DATA), STATUS_CORRUPT},
        {KEY("scrypt", "16", "1", "1", SALT, "AA*A"), STATUS_CORRUPT},
        {KEY("scrypt", "16", "1", "1", SALT, "AAAA"), STATUS_CORRUPT},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct crypto_keys keys;
        bool opened = false;
        enum status status =
            key_file_open(cases[i].text, strlen(cases[i].text), "x", &keys, &opened, &err);
        cr_expect(eq(int, (int)status, (int)cases[i].status), "%s: %s", cases[i].text, err.text);
        cr_expect(not(opened));
    }
}

Test(key_file_write, makes_what_open_opens)
{
    struct crypto_keys keys, again;
    struct buffer text;
    bool opened = false;
    buffer_init(&text, 4096);
    cr_assert(eq(int, (int)crypto_keys_random(&keys, &err), (int)STATUS_OK));

    cr_assert(eq(int, (int)key_file_write(&keys, "p\xc3\xa4ss", &text, &err), (int)STATUS_OK), "%s",
              err.text);

    cr_assert(eq(int,
                 (int)key_file_open(text.bytes, text.len, "p\xc3\xa4ss", &again, &opened, &err),
                 (int)STATUS_OK),
              "%s", err.text);
    cr_assert(opened);
    cr_assert(memcmp(&keys, &again, sizeof(keys)) == 0);
    buffer_done(&text);
}

Test(base64, follows_rfc_4648)
{
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[16];
        unsigned char bytes[16];
        size_t len = 0;
        *base64_encode(cases[i][0], strlen(cases[i][0]), text) = '\0';
        cr_expect(eq(str, text, (char *)cases[i][1]));
        cr_expect(base64_decode(text, strlen(text), bytes, &len));
        cr_expect(eq(sz, len, strlen(cases[i][0])));
        cr_expect(memcmp(bytes, cases[i][0], len) == 0);
    }
}

Test(base64, refuses_everything_else)
{
    static const char *const cases[] = {
        "Z",    "Zg",   "Zg=",      "Zg===", "=Zg=",         "Z=g=",
        "Zh==", "Zm9=", "Zg==Zm9v", "Zm 9",  "Zm9v\n\n\n\n", "Zm-_"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char bytes[16];
        size_t len = 0;
        cr_expect(not(base64_decode(cases[i], strlen(cases[i]), bytes, &len)), "%s", cases[i]);
    }
}
