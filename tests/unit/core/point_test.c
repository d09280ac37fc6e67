#include "core/point.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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

Test(point_read_file, gives_the_first_line_of_a_file_that_is_there)
{
    char path[] = "/tmp/point-test.XXXXXX";
    char text[POINT_TEXT_SIZE] = "";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert(eq(int, (int)write(fd, "stop:claim:1\nmore", 17), 17));
    (void)close(fd);

    cr_expect(point_read_file(path, text));

    cr_expect(eq(str, text, "stop:claim:1"));
    cr_assert(eq(int, unlink(path), 0));
    cr_expect(not(point_read_file(path, text)));
}

Test(point_pass, does_nothing_in_a_process_that_was_not_started_for_it)
{
    point_pass("upload");
}
