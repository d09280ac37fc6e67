#include "src/ctl/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const char *bytes(int64_t number)
{
    static char text[TEXT_SIZE];
    text_bytes(number, text);
    return text;
}

Test(text_bytes, picks_the_unit_that_reads_best)
{
    cr_assert(eq(str, (char *)bytes(-1), "-"));
    cr_assert(eq(str, (char *)bytes(0), "0 B"));
    cr_assert(eq(str, (char *)bytes(1023), "1023 B"));
    cr_assert(eq(str, (char *)bytes(1024), "1.0 KiB"));
    cr_assert(eq(str, (char *)bytes(10 * 1024), "10 KiB"));
    cr_assert(eq(str, (char *)bytes(1024 * 1024 - 1), "1.0 MiB"));
    cr_assert(eq(str, (char *)bytes(5LL << 30), "5.0 GiB"));
    cr_assert(eq(str, (char *)bytes(INT64_MAX), "8.0 EiB"));
}

Test(text_width, counts_characters_not_bytes)
{
    cr_assert(eq(sz, text_width(""), 0));
    cr_assert(eq(sz, text_width("abc"), 3));
    cr_assert(eq(sz, text_width("gr\xc3\xbc\xc3\x9f"), 4));
}

Test(text_cut, leaves_whole_characters)
{
    char text[] = "a\u00e4\u20acb";
    text_cut(text, 4);
    cr_assert(eq(str, text, "a\u00e4\u20acb"));
    text_cut(text, 3);
    cr_assert(eq(str, text, "a\u00e4\u20ac"));
    text_cut(text, 1);
    cr_assert(eq(str, text, "a"));
}
