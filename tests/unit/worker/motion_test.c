#include "src/worker/motion.h"

#include "service/health.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { LONG_MS = HEALTH_STALL_MAX_MS + 1 };

Test(motion, goes_on_while_bytes_move)
{
    struct motion motion = {.bytes = -1};

    motion_note(&motion, "upload", 100, LONG_MS);
    cr_expect(not(motion_has_stalled(&motion, LONG_MS)));
    motion_note(&motion, "upload", 101, 2 * LONG_MS);
    cr_expect(not(motion_has_stalled(&motion, 2 * LONG_MS)));
}

Test(motion, has_stalled_when_none_has_moved_for_long)
{
    struct motion motion = {.bytes = -1};

    motion_note(&motion, "restore", 100, 0);
    motion_note(&motion, "restore", 100, LONG_MS);

    cr_expect(not(motion_has_stalled(&motion, HEALTH_STALL_MAX_MS)));
    cr_expect(motion_has_stalled(&motion, LONG_MS));
}

Test(motion, is_not_expected_of_a_hook)
{
    struct motion motion = {.bytes = -1};

    motion_note(&motion, "pre-snapshot", -1, 0);
    motion_note(&motion, "pre-snapshot", -1, LONG_MS);

    cr_expect(not(motion_is_expected("pre-snapshot")));
    cr_expect(motion_is_expected("upload"));
    cr_expect(not(motion_has_stalled(&motion, LONG_MS)));
}
