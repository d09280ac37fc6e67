#include "core/utf8.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(utf8, is_undone_by_itself_for_every_code_point)
{
    for (uint32_t rune = 0; rune <= 0x10ffff; rune++) {
        char text[4];
        uint32_t again = 0;
        if (rune >= 0xd800 && rune <= 0xdfff)
            continue;
        size_t len = (size_t)(utf8_encode(rune, text) - text);
        if (utf8_decode(text, len, &again) != len || again != rune)
            cr_assert(false, "U+%04X", rune);
        if (len > 1 && utf8_decode(text, len - 1, &again) != 0)
            cr_assert(false, "U+%04X cut short", rune);
    }
}

Test(utf8, refuses_what_no_encoder_writes)
{
    static const char *const bad[] = {
        "\x80",     /* a continuation first */
        "\xc0\xaf", /* overlong */
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf",
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xff",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(not(utf8_is_valid(bad[i])), "%zu", i);
    cr_expect(utf8_is_valid(""));
    cr_expect(utf8_is_valid("gr\xc3\xbc\xc3\x9f"));
}

Test(utf8, counts_characters)
{
    cr_expect(eq(sz, utf8_count("gr\xc3\xbc\xc3\x9f \xf0\x9f\x92\xbe"), 6));
}
