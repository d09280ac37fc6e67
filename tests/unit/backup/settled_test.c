#include "src/backup/settled.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { BEGAN = 1000000, HALF = 500000000 };

static struct settled settled = {
    .began = {.tv_sec = BEGAN, .tv_nsec = HALF},
    .now = {.tv_sec = BEGAN + 3600},
    .unseen_ms = 1,
};

static bool is_settled(struct timespec mtime, struct timespec ctime)
{
    struct stat info = {.st_mtim = mtime, .st_ctim = ctime};
    return settled_is(&settled, &info);
}

static struct timespec at(int64_t before_ms)
{
    int64_t ms = (int64_t)BEGAN * 1000 + HALF / 1000000 - before_ms;
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 + 1};
}

static struct timespec whole(int64_t before_s)
{
    return (struct timespec){.tv_sec = BEGAN - before_s};
}

Test(settled_is, knows_that_the_clock_of_file_times_ticks)
{
    cr_expect(is_settled(at(100), at(100)));
    cr_expect(not(is_settled(at(100), at(10))));
    cr_expect(not(is_settled(at(100), at(0))));
    cr_expect(not(is_settled(at(100), at(-5000))));
}

Test(settled_is, gives_whole_seconds_two_of_them)
{
    cr_expect(is_settled(whole(2), whole(2)));
    cr_expect(not(is_settled(whole(1), whole(1))));
    cr_expect(not(is_settled(whole(5), whole(0))));
    cr_expect(is_settled(at(1000), at(1000)));
}

Test(settled_is, counts_a_time_of_writing_unless_it_was_set_by_hand)
{
    cr_expect(not(is_settled(at(-1000), at(100))));
    cr_expect(is_settled(at(-4000000), at(100)));
}

Test(settled_is, gives_mapped_files_the_time_until_they_are_written_out)
{
    settled.unseen_ms = 35000;
    cr_expect(not(is_settled(at(34000), at(34000))));
    cr_expect(is_settled(at(36000), at(36000)));
    settled.unseen_ms = INT64_MAX;
    cr_expect(not(is_settled(at(36000), at(36000))));
}

Test(settled_unseen_ms, is_as_long_as_dirty_pages_may_wait)
{
    int64_t ms = settled_unseen_ms(-1);

    cr_expect(ge(i64, ms, (int64_t)10000));
    cr_expect(le(i64, ms, (int64_t)25 * 60 * 1000));
}
