#include "access/figures.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct figures of(time_t second, uint64_t bytes)
{
    const struct repository_snapshot snapshot = {
        .time = {second, 7000000}, .bytes = bytes, .tells_bytes = true};
    return figures_of(&snapshot);
}

Test(figures_of, tells_what_the_snapshot_does)
{
    struct figures figures = of(1700000000, 1000);
    cr_expect(eq(i64, figures.taken_ms, 1700000000007));
    cr_expect(eq(i64, figures.bytes, 1000));
    cr_expect(not(figures.other_time));
    cr_expect(not(figures.other_bytes));
}

Test(figures_of, tells_the_nearest_that_a_record_can)
{
    const int64_t most = INT64_C(1) << 53;
    struct figures figures = of(-315619200, (uint64_t)most + 1);
    cr_expect(eq(i64, figures.taken_ms, 1));
    cr_expect(eq(i64, figures.bytes, most));
    cr_expect(figures.other_time);
    cr_expect(figures.other_bytes);

    figures = of(253402300799 + 86340, UINT64_MAX);
    cr_expect(eq(i64, figures.taken_ms, INT64_C(253402387139007)));
    cr_expect(eq(i64, figures.bytes, most));
    cr_expect(not(figures.other_time));

    figures = of(0, (uint64_t)most);
    cr_expect(eq(i64, figures.taken_ms, 7));
    cr_expect(not(figures.other_bytes));
}

Test(figures_of, does_not_take_what_is_unknown_for_zero)
{
    const struct repository_snapshot snapshot = {.time = {1, 0}};
    struct figures figures = figures_of(&snapshot);
    cr_expect(eq(i64, figures.bytes, -1));
    cr_expect(not(figures.other_bytes));
}
