/* The expected values were computed apart from this code, by RFC 5869 with Python's hmac:
 *   prk = hmac(32 zero bytes, key); hmac(prk, b"appbackup repository <app id>" b"\x01") */
#include "config/config.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

#define KEY32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY48 KEY32 "202122232425262728292a2b2c2d2e2f"
#define SHOP  "246e9e94-c614-54d3-a963-28acac1a7286"
#define OTHER "11111111-2222-4333-8444-555555555555"

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(config_repository_passphrase, .init = set_up, .fini = tear_down);

static enum status derive(const char *app, struct secret **ret_passphrase, struct error *err)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "master.key"));
    const struct config config = {.master_key_file = path};
    return config_repository_passphrase(&config, app, ret_passphrase, err);
}

static const struct {
    const char *key, *app, *passphrase;
} known[] = {
    {KEY32, SHOP, "206116388339850b884fe650b57777236dd93f71fa3ea0f3647c2cd64d670003"},
    {KEY32 "\n", OTHER, "c1d571510e9ea2b596c39ee6cc488ccf1a87e62d6725cc60b1c9109be7671ba8"},
    {KEY48 "\n", SHOP, "83d17a4fe2047c149062bc17879e3f4a88c42747c4d49c0725fd9f1564e5cda1"},
};

Test(config_repository_passphrase, gives_the_known_answers)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        CLEANUP(secret_freep) struct secret *passphrase = NULL;
        struct error err = {0};
        scratch_write(&scratch, "master.key", known[i].key, 0600);
        cr_assert(eq(int, (int)derive(known[i].app, &passphrase, &err), (int)STATUS_OK), "%s",
                  err.text);
        cr_expect(eq(str, (char *)secret_text(passphrase), (char *)known[i].passphrase));
    }
}

static void expect_refused(const char *key, int mode, enum status status, const char *text)
{
    struct secret *passphrase = NULL;
    struct error err = {0};
    char expected[ERROR_TEXT_MAX];
    if (key != NULL)
        scratch_write(&scratch, "master.key", key, mode);
    cr_expect(eq(int, (int)derive(SHOP, &passphrase, &err), (int)status), "%s", text);
    (void)snprintf(expected, sizeof(expected), text, scratch_path(&scratch, "master.key"));
    cr_expect(eq(str, (char *)err.text, expected));
    cr_expect(eq(ptr, passphrase, NULL));
}

#define DIGITS \
    "master_key_file: '%s': at least 64 digits 0-9 and a-f, an even number of them, are expected"

Test(config_repository_passphrase, refuses_a_bad_key_without_repeating_it)
{
    expect_refused(NULL, 0, STATUS_NOT_FOUND,
                   "master_key_file: secret '%s': No such file or directory");
    expect_refused(KEY32, 0604, STATUS_FORBIDDEN,
                   "master_key_file: secret '%s': others may use it (mode 0604): chmod o= it");
    expect_refused("0001", 0600, STATUS_INVALID, DIGITS);
    expect_refused(KEY32 "0", 0600, STATUS_INVALID, DIGITS);
    expect_refused(KEY32 "0g", 0600, STATUS_INVALID, DIGITS);
    expect_refused("AA" KEY32, 0600, STATUS_INVALID, DIGITS);
}

Test(config_repository_passphrase, takes_the_largest_key_that_a_secret_can_hold)
{
    struct secret *passphrase = NULL;
    struct error err = {0};
    char key[SECRET_MAX + 2];
    memset(key, 'a', sizeof(key));
    key[SECRET_MAX] = '\0';
    scratch_write(&scratch, "master.key", key, 0600);
    cr_expect(eq(int, (int)derive(SHOP, &passphrase, &err), (int)STATUS_OK), "%s", err.text);
    secret_free(passphrase);

    passphrase = NULL;
    key[SECRET_MAX] = 'a';
    key[SECRET_MAX + 1] = '\0';
    scratch_write(&scratch, "master.key", key, 0600);
    cr_expect(eq(int, (int)derive(SHOP, &passphrase, &err), (int)STATUS_TOO_LARGE));
}

Test(config_repository_passphrase, refuses_what_is_no_id)
{
    struct secret *passphrase = NULL;
    struct error err = {0};
    scratch_write(&scratch, "master.key", KEY32, 0600);

    cr_expect(eq(int, (int)derive("shop", &passphrase, &err), (int)STATUS_INVALID));
    cr_expect(eq(str, (char *)err.text, "passphrase: 'shop' is not the id of an app"));
}
