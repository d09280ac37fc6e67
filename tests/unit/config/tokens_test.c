#include "config/config.h"
#include "core/hex.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>
#include <sys/stat.h>

#define ID1    "5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f"
#define HASH_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_write(&scratch, "appbackup.yaml",
                  "accounts:\n  - id: " ID1 "\n    name: main\n    tokens:\n"
                  "      - name: old\n        sha256: " HASH_A "\n        role: viewer\n",
                  0644);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(tokens, .init = set_up, .fini = tear_down);

static struct config *load(void)
{
    struct config *config = NULL;
    struct error err = {0};
    cr_assert(eq(int, (int)config_load(scratch_path(&scratch, "appbackup.yaml"), &config, &err),
                 (int)STATUS_OK),
              "%s", err.text);
    return config;
}

static void expect_refusal(const char *file, const char *text, const char *expected)
{
    struct config *config = NULL;
    struct error err = {0};
    scratch_shell(&scratch, "mkdir -p tokens.d");
    scratch_write(&scratch, file, text, 0644);
    cr_expect(eq(int, (int)config_load(scratch_path(&scratch, "appbackup.yaml"), &config, &err),
                 (int)STATUS_INVALID));
    cr_expect(ne(ptr, strstr(err.text, expected), NULL), "%s", err.text);
    scratch_shell(&scratch, "rm %s", file);
}

Test(tokens, are_made_and_are_there_at_the_next_reading)
{
    CLEANUP(config_freep) struct config *config = load();
    char token[CONFIG_TOKEN_SIZE];
    struct error err = {0};
    cr_assert(
        eq(int,
           (int)config_token_create(config, &config->accounts[0], "cron", ROLE_MEMBER, token, &err),
           (int)STATUS_OK),
        "%s", err.text);
    cr_expect(eq(sz, strlen(token), 64));

    CLEANUP(config_freep) struct config *again = load();
    const struct account *account = &again->accounts[0];
    cr_assert(eq(sz, account->token_count, 2));
    cr_expect(eq(str, (char *)account->tokens[1].name, "cron"));
    cr_expect(eq(int, (int)account->tokens[1].role, (int)ROLE_MEMBER));
    char digits[65];
    hex_encode(account->tokens[1].hash, TOKEN_HASH_SIZE, digits);
    CLEANUP(freep) char *expected = scratch_output(&scratch, "printf %%s %s | sha256sum", token);
    cr_expect(eq(int, strncmp(expected, digits, 64), 0));
}

Test(tokens, are_read_by_their_group_and_by_nobody_else_whatever_the_umask_is)
{
    CLEANUP(config_freep) struct config *config = load();
    char token[CONFIG_TOKEN_SIZE];
    struct error err = {0};
    (void)umask(077);

    cr_assert(
        eq(int,
           (int)config_token_create(config, &config->accounts[0], "cron", ROLE_MEMBER, token, &err),
           (int)STATUS_OK),
        "%s", err.text);

    CLEANUP(freep)
    char *modes = scratch_output(&scratch, "stat -c %%a tokens.d tokens.d/main.cron.yaml | xargs");
    cr_expect(eq(str, modes, "750 640"));
    CLEANUP(freep)
    char *expected = scratch_output(&scratch, "id -g appbackup 2>/dev/null || id -g");
    CLEANUP(freep)
    char *groups = scratch_output(&scratch, "stat -c %%g tokens.d tokens.d/main.cron.yaml | uniq");
    cr_expect(eq(str, groups, expected));
}

Test(tokens, leave_a_directory_of_an_admin_as_it_is)
{
    CLEANUP(config_freep) struct config *config = load();
    char token[CONFIG_TOKEN_SIZE];
    struct error err = {0};
    scratch_shell(&scratch, "mkdir -m 0700 tokens.d");

    cr_assert(
        eq(int,
           (int)config_token_create(config, &config->accounts[0], "cron", ROLE_MEMBER, token, &err),
           (int)STATUS_OK),
        "%s", err.text);

    CLEANUP(freep) char *mode = scratch_output(&scratch, "stat -c %%a tokens.d");
    cr_expect(eq(str, mode, "700"));
}

Test(tokens, are_revoked_and_are_gone_at_the_next_reading)
{
    CLEANUP(config_freep) struct config *config = load();
    char token[CONFIG_TOKEN_SIZE];
    struct error err = {0};
    cr_assert(
        eq(int,
           (int)config_token_create(config, &config->accounts[0], "cron", ROLE_MEMBER, token, &err),
           (int)STATUS_OK));
    CLEANUP(config_freep) struct config *with = load();
    cr_expect(
        eq(int, (int)config_token_create(with, &with->accounts[0], "cron", ROLE_OWNER, token, &err),
           (int)STATUS_CONFLICT));
    cr_expect(
        eq(int, (int)config_token_revoke(with, &with->accounts[0], "cron", &err), (int)STATUS_OK));
    CLEANUP(config_freep) struct config *without = load();
    cr_expect(eq(sz, without->accounts[0].token_count, 1));
    cr_expect(eq(int, (int)config_token_revoke(without, &without->accounts[0], "cron", &err),
                 (int)STATUS_NOT_FOUND));
}

Test(tokens, of_the_configuration_file_are_not_revoked_behind_it)
{
    CLEANUP(config_freep) struct config *config = load();
    struct error err = {0};
    cr_expect(eq(int, (int)config_token_revoke(config, &config->accounts[0], "old", &err),
                 (int)STATUS_CONFLICT));
}

Test(tokens, have_names_that_are_no_paths)
{
    CLEANUP(config_freep) struct config *config = load();
    char token[CONFIG_TOKEN_SIZE];
    struct error err = {0};
    cr_expect(
        eq(int,
           (int)config_token_create(config, &config->accounts[0], "../x", ROLE_VIEWER, token, &err),
           (int)STATUS_INVALID));
}

static enum status create(struct config *config, const char *name, struct error *err)
{
    char token[CONFIG_TOKEN_SIZE];
    return config_token_create(config, &config->accounts[0], name, ROLE_VIEWER, token, err);
}

/* One more, and neither front end nor worker would start again. */
Test(tokens, are_not_made_beyond_what_can_be_read)
{
    struct error err = {0};
    scratch_shell(&scratch, "mkdir -m 0750 tokens.d && cd tokens.d && for i in $(seq 1023); do "
                            "printf 'sha256: %%064x\\nrole: viewer\\n' $i >main.t$i.yaml; done");
    CLEANUP(config_freep) struct config *full = load();
    cr_expect(eq(int, (int)create(full, "one-more", &err), (int)STATUS_CONFLICT));
    cr_expect(eq(str, (char *)err.text, "account 'main' has 1024 tokens, and 1024 is the most"));

    cr_expect(
        eq(int, (int)config_token_revoke(full, &full->accounts[0], "t1", &err), (int)STATUS_OK));
    CLEANUP(config_freep) struct config *free_again = load();
    cr_expect(eq(int, (int)create(free_again, "one-more", &err), (int)STATUS_OK), "%s", err.text);
    config_free(load());
}

/* Whatever else the directory holds, be it too many or one that is no token. */
Test(tokens, are_revoked_where_they_cannot_be_read)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct error err = {0};
    scratch_shell(&scratch, "mkdir -m 0750 tokens.d && echo nonsense >tokens.d/main.bad.yaml && "
                            "ln -s nowhere tokens.d/main.link.yaml");
    cr_assert(
        eq(int,
           (int)config_load_without_tokens(scratch_path(&scratch, "appbackup.yaml"), &config, &err),
           (int)STATUS_OK),
        "%s", err.text);

    const struct account *account = &config->accounts[0];
    cr_expect(eq(int, (int)config_token_revoke(config, account, "bad", &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)config_token_revoke(config, account, "link", &err), (int)STATUS_OK));

    cr_expect(
        eq(int, (int)config_token_revoke(config, account, "none", &err), (int)STATUS_NOT_FOUND));
    cr_expect(
        eq(int, (int)config_token_revoke(config, account, "../x", &err), (int)STATUS_NOT_FOUND));
    cr_expect(
        eq(int, (int)config_token_revoke(config, account, "old", &err), (int)STATUS_CONFLICT));
    config_free(load());
}

Test(tokens, that_cannot_be_are_refused_with_file_and_line)
{
    expect_refusal("tokens.d/main.x.yaml", "sha256: 12\nrole: viewer\n", "main.x.yaml:1: sha256");
    expect_refusal("tokens.d/main.x.yaml", "sha256: " HASH_A "\nrole: viewer\n",
                   "the token of 'old' already");
    expect_refusal("tokens.d/main.x.yaml", "role: viewer\n", "sha256");
    expect_refusal("tokens.d/main.x.yaml", "sha256: " HASH_A "\nrole: king\n", "2: role");
    expect_refusal("tokens.d/other.x.yaml", "sha256: " HASH_A "\nrole: viewer\n",
                   "no account 'other'");
    expect_refusal("tokens.d/main.-x.yaml", "sha256: " HASH_A "\nrole: viewer\n",
                   "<account>.<name>.yaml");
    expect_refusal("tokens.d/main.yaml", "sha256: " HASH_A "\nrole: viewer\n",
                   "<account>.<name>.yaml");
    expect_refusal("tokens.d/main.old.yaml", "sha256: ff" HASH_A "\nrole: viewer\n", "64 digits");
}
