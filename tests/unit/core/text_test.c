/* The small ones: hex, ids, time. */
#include "core/clock.h"
#include "core/hex.h"
#include "core/id.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <limits.h>
#include <string.h>
#include <time.h>

Test(hex, goes_both_ways)
{
    unsigned char bytes[256], back[256];
    char text[513];
    for (size_t i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;

    hex_encode(bytes, sizeof(bytes), text);

    cr_expect(eq(sz, strlen(text), 512));
    cr_expect(strncmp(text, "000102", 6) == 0 && strcmp(text + 506, "fdfeff") == 0);
    cr_expect(hex_decode(text, back, sizeof(back)));
    cr_expect(eq(int, memcmp(bytes, back, sizeof(bytes)), 0));
}

Test(hex, refuses_all_but_exactly_so_many_lower_case_digits)
{
    static const char *const wrong[] = {"",         "0",      "00112",  "0011223",
                                        "00112233", "00112g", "00112/", "0011A2",
                                        " 01122",   "0x1122", "00 122"};
    unsigned char bytes[3];

    cr_expect(hex_decode("00112f", bytes, 3));
    cr_expect(hex_decode("", bytes, 0));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect(not(hex_decode(wrong[i], bytes, 3)), "'%s'", wrong[i]);
}

Test(id, is_random_and_valid)
{
    char one[ID_SIZE], other[ID_SIZE];

    id_random(one);
    id_random(other);

    cr_expect(id_is_valid(one), "%s", one);
    cr_expect(eq(int, one[14], '4'));
    cr_expect(ne(str, one, other));
}

Test(id, is_always_the_same_for_a_name)
{
    /* RFC 4122's DNS name space; the value is the one that Python's uuid.uuid5 gives. */
    const char *dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    char id[ID_SIZE], other[ID_SIZE];

    id_from_name(dns, "python.org", id);
    id_from_name(dns, "python.orh", other);

    cr_expect(eq(str, id, "886313e1-3b8a-5372-9b90-0c9aee199e5d"));
    cr_expect(id_is_valid(id));
    cr_expect(ne(str, id, other));
}

Test(id, is_valid_only_as_the_api_writes_it)
{
    static const char *const wrong[] = {
        "",
        "6b3f1a52",
        "6B3F1A52-8c70-4d1e-9f2a-0123456789ab",
        "6b3f1a52-8c70-4d1e-9f2a-0123456789a",
        "6b3f1a52-8c70-4d1e-9f2a-0123456789abc",
        "6b3f1a528c704d1e9f2a0123456789ab",
        "{6b3f1a52-8c70-4d1e-9f2a-0123456789ab}",
        "6b3f1a52-8c70-1d1e-9f2a-0123456789ab", /* version 1 */
        "6b3f1a52-8c70-4d1e-7f2a-0123456789ab", /* variant */
        "00000000-0000-0000-0000-000000000001",
        "6b3f1a52-8c70-4d1e-9f2a-0123456789ag",
        "6b3f1a52_8c70_4d1e_9f2a_0123456789ab",
    };

    cr_expect(id_is_valid("6b3f1a52-8c70-4d1e-9f2a-0123456789ab"));
    cr_expect(id_is_valid("886313e1-3b8a-5372-9b90-0c9aee199e5d"));
    cr_expect(id_is_valid(ID_NIL));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect(not(id_is_valid(wrong[i])), "'%s'", wrong[i]);
}

Test(clock, formats_utc_with_whole_seconds)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z"},
        {999, "1970-01-01T00:00:00Z"},
        {951782399999, "2000-02-28T23:59:59Z"},
        {951782400000, "2000-02-29T00:00:00Z"},
        {4102444800000, "2100-01-01T00:00:00Z"},
        {-5, "1970-01-01T00:00:00Z"},
        {INT64_MAX, "9999-12-31T23:59:59Z"},
        {INT64_MIN, "1970-01-01T00:00:00Z"},
    };

    char text[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        clock_format(rows[i].wall_ms, text);
        cr_expect(eq(str, text, (char *)rows[i].text));
    }
}

Test(clock, agrees_with_the_system)
{
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    cr_expect(ge(i64, clock_wall_ms(), now_ms));
    cr_expect(lt(i64, clock_wall_ms(), now_ms + 60000));
    int64_t first_ms = clock_mono_ms();
    cr_expect(ge(i64, clock_mono_ms(), first_ms));
}

Test(clock, gives_time_left_that_is_fit_for_poll)
{
    int64_t now_ms = clock_mono_ms();

    cr_expect(eq(int, clock_left_ms(now_ms - 1), 0));
    cr_expect(eq(int, clock_left_ms(0), 0));
    cr_expect(eq(int, clock_left_ms(INT64_MAX), INT_MAX));
    int left_ms = clock_left_ms(now_ms + 60000);
    cr_expect(lt(int, 0, left_ms));
    cr_expect(le(int, left_ms, 60000));
}
