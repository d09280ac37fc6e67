#include "core/secret.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

static struct scratch scratch;
static struct error err;

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(secret, .init = set_up, .fini = tear_down);

static void expect_refused(const char *name, enum status status)
{
    struct secret *secret = NULL;
    cr_expect(eq(int, (int)secret_read(scratch_path(&scratch, name), &secret, &err), (int)status),
              "%s: %s", name, err.text);
    cr_expect(eq(ptr, secret, NULL));
    cr_expect(strstr(err.text, name) != NULL, "%s", err.text);
    cr_expect(strstr(err.text, "s3cret") == NULL, "the text of a secret: %s", err.text);
}

Test(secret, is_read_without_the_white_space_around_it)
{
    scratch_write(&scratch, "f", "\n  s3cret with words \t\r\n", 0600);
    CLEANUP(secret_freep) struct secret *secret = NULL;

    cr_assert(eq(int, (int)secret_read(scratch_path(&scratch, "f"), &secret, &err), STATUS_OK),
              "%s", err.text);

    cr_expect(eq(str, (char *)secret_text(secret), "s3cret with words"));
}

Test(secret, must_not_be_open_to_others)
{
    static const int refused[] = {0604, 0602, 0601, 0644, 0777};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        scratch_write(&scratch, "f", "s3cret", refused[i]);
        expect_refused("f", STATUS_FORBIDDEN);
        cr_expect(strstr(err.text, "chmod") != NULL, "says what to do: %s", err.text);
    }

    static const int accepted[] = {0600, 0400, 0640, 0660};
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        scratch_write(&scratch, "f", "s3cret", accepted[i]);
        CLEANUP(secret_freep) struct secret *secret = NULL;
        cr_expect(eq(int, (int)secret_read(scratch_path(&scratch, "f"), &secret, &err), STATUS_OK));
    }
}

Test(secret, must_be_a_text_in_a_regular_file)
{
    scratch_write(&scratch, "s", "s3cret", 0600);
    scratch_write(&scratch, "blank", " \n\t", 0600);
    scratch_write(&scratch, "empty", "", 0600);
    scratch_shell(&scratch,
                  "ln -s s link; mkdir -m 700 directory; mkfifo -m 600 fifo; umask 077;"
                  " head -c 4097 /dev/zero | tr '\\0' x >large; printf 's3cret\\0x' >nul");

    expect_refused("missing", STATUS_NOT_FOUND);
    expect_refused("link", STATUS_FORBIDDEN);
    expect_refused("directory", STATUS_INVALID);
    expect_refused("fifo", STATUS_INVALID);
    expect_refused("large", STATUS_TOO_LARGE);
    expect_refused("nul", STATUS_INVALID);
    expect_refused("blank", STATUS_INVALID);
    expect_refused("empty", STATUS_INVALID);
}

Test(secret, may_be_as_long_as_its_limit)
{
    scratch_shell(&scratch, "umask 077; head -c 4096 /dev/zero | tr '\\0' x >f");
    CLEANUP(secret_freep) struct secret *secret = NULL;

    cr_assert(eq(int, (int)secret_read(scratch_path(&scratch, "f"), &secret, &err), STATUS_OK));

    cr_expect(eq(sz, strlen(secret_text(secret)), SECRET_MAX));
}

Test(secret, is_copied_from_a_text_and_null_is_fine)
{
    char text[] = "s3cret";
    CLEANUP(secret_freep) struct secret *secret = NULL;
    cr_assert(eq(int, (int)secret_new(text, &secret, &err), STATUS_OK));
    text[0] = 'X';

    cr_expect(eq(str, (char *)secret_text(secret), "s3cret"));
    cr_expect(eq(ptr, (void *)secret_text(NULL), NULL));
    secret_free(NULL);
}
