#include "core/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const char *duration(int64_t ms)
{
    static char text[CLOCK_DURATION_SIZE];
    clock_describe(ms, text);
    return text;
}

Test(clock_describe, picks_the_unit_that_reads_best)
{
    cr_assert(eq(str, (char *)duration(-5), "0 s"));
    cr_assert(eq(str, (char *)duration(999), "0 s"));
    cr_assert(eq(str, (char *)duration(119999), "119 s"));
    cr_assert(eq(str, (char *)duration(120000), "2 min"));
    cr_assert(eq(str, (char *)duration(7200000), "2 h"));
    cr_assert(eq(str, (char *)duration(3 * 86400000LL), "3 d"));
}
