#include "core/buffer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static struct error err;

Test(buffer, holds_what_was_added_with_a_nul_behind_it)
{
    struct buffer buffer;
    buffer_init(&buffer, 100);

    cr_assert(eq(int, (int)buffer_add_text(&buffer, "one ", &err), STATUS_OK));
    cr_assert(eq(int, (int)buffer_add(&buffer, "two\0three", 9, &err), STATUS_OK));
    cr_assert(eq(int, (int)buffer_add(&buffer, NULL, 0, &err), STATUS_OK));

    cr_expect(eq(sz, buffer.len, 13));
    cr_expect(eq(int, memcmp(buffer.bytes, "one two\0three", 14), 0));
    buffer_done(&buffer);
}

Test(buffer, takes_its_limit_and_not_a_byte_more)
{
    struct buffer buffer;
    buffer_init(&buffer, 8);

    cr_assert(eq(int, (int)buffer_add_text(&buffer, "12345678", &err), STATUS_OK));
    cr_expect(eq(int, (int)buffer_add_text(&buffer, "9", &err), STATUS_TOO_LARGE));
    cr_expect(eq(str, err.text, "more than 8 bytes"));
    cr_expect(eq(int, (int)buffer_reserve(&buffer, SIZE_MAX, &err), STATUS_TOO_LARGE));

    cr_expect(eq(str, (char *)buffer.bytes, "12345678"), "it is what it was");
    cr_expect(eq(int, (int)buffer_add_text(&buffer, "", &err), STATUS_OK));
    buffer_done(&buffer);
}

Test(buffer, grows_over_many_additions)
{
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);

    for (size_t i = 0; i < (1 << 20); i++)
        cr_assert(eq(int, (int)buffer_add(&buffer, &(char){(char)i}, 1, &err), STATUS_OK));

    cr_expect(eq(sz, buffer.len, 1 << 20));
    for (size_t i = 0; i < buffer.len; i++)
        cr_assert(eq(int, buffer.bytes[i], (int)(i & 255)));
    cr_expect(eq(int, (int)buffer_add(&buffer, "x", 1, &err), STATUS_TOO_LARGE));
    buffer_done(&buffer);
}

Test(buffer, can_be_used_again)
{
    struct buffer buffer;
    buffer_init(&buffer, 4);

    cr_assert(eq(int, (int)buffer_add_text(&buffer, "1234", &err), STATUS_OK));
    buffer_clear(&buffer);
    cr_expect(eq(sz, buffer.len, 0));
    cr_assert(eq(int, (int)buffer_add_text(&buffer, "56", &err), STATUS_OK));
    cr_expect(eq(str, (char *)buffer.bytes, "56"));

    buffer_done(&buffer);
    cr_expect(eq(ptr, buffer.bytes, NULL));
    cr_assert(eq(int, (int)buffer_add_text(&buffer, "78", &err), STATUS_OK), "keeps its limit");
    cr_expect(eq(int, (int)buffer_add_text(&buffer, "901", &err), STATUS_TOO_LARGE));
    buffer_done(&buffer);
}

Test(buffer, may_be_all_zeros)
{
    struct buffer buffer = {.bytes = NULL};

    cr_expect(eq(int, (int)buffer_add_text(&buffer, "x", &err), STATUS_TOO_LARGE));
    buffer_clear(&buffer);
    buffer_done(&buffer);
}
