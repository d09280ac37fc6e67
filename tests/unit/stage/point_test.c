#include "src/stage/point.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>

Test(point_reached, the_nth_time_at_its_own_name_and_never_again)
{
    struct point point;
    cr_assert(point_parse("kill:upload:2", &point));
    cr_expect(eq(int, point.signal, SIGKILL));

    cr_expect(not(point_reached(&point, "upload")));
    cr_expect(not(point_reached(&point, "commit")));
    cr_expect(point_reached(&point, "upload"));
    cr_expect(not(point_reached(&point, "upload")));
}

Test(point_parse, knows_stop_and_refuses_the_rest)
{
    static const char *const bad[] = {
        "",         "kill",
        "kill:",    "kill:x",
        "kill::1",  "kill:x:0",
        "kill:x:",  "kill:x:1a",
        "term:x:1", "kill:a-name-that-is-longer-than-a-point-may-be:1"};
    struct point point = {0};
    cr_assert(point_parse("stop:snapshot-done:1", &point));
    cr_expect(eq(int, point.signal, SIGSTOP));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(not(point_parse(bad[i], &point)), "'%s'", bad[i]);
}

Test(stage_point, does_nothing_in_a_process_that_was_not_started_for_it)
{
    stage_point("upload");
}
