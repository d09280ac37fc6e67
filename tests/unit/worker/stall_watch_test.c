#include "src/worker/stall_watch.h"

#include "service/health.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { LONG_MS = HEALTH_STALL_MAX_MS + 1 };

Test(stall_watch, goes_on_while_bytes_move)
{
    struct stall_watch watch = {.bytes = -1};

    stall_watch_note(&watch, "upload", 100, LONG_MS);
    cr_expect(not(stall_watch_has_stalled(&watch, LONG_MS)));
    stall_watch_note(&watch, "upload", 101, 2 * LONG_MS);
    cr_expect(not(stall_watch_has_stalled(&watch, 2 * LONG_MS)));
}

Test(stall_watch, has_stalled_when_none_has_moved_for_long)
{
    struct stall_watch watch = {.bytes = -1};

    stall_watch_note(&watch, "restore", 100, 0);
    stall_watch_note(&watch, "restore", 100, LONG_MS);

    cr_expect(not(stall_watch_has_stalled(&watch, HEALTH_STALL_MAX_MS)));
    cr_expect(stall_watch_has_stalled(&watch, LONG_MS));
}

Test(stall_watch, expects_no_bytes_of_a_hook)
{
    struct stall_watch watch = {.bytes = -1};

    stall_watch_note(&watch, "pre-snapshot", -1, 0);
    stall_watch_note(&watch, "pre-snapshot", -1, LONG_MS);

    cr_expect(not(stall_watch_expects_bytes("pre-snapshot")));
    cr_expect(stall_watch_expects_bytes("upload"));
    cr_expect(not(stall_watch_has_stalled(&watch, LONG_MS)));
}
