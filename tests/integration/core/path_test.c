/* Needs root, for mounts. */
#include "core/path.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_shell(&scratch, "umount again");
    scratch_close(&scratch);
}

TestSuite(path, .init = set_up, .fini = tear_down);

Test(path, is_not_apart_from_one_that_holds_it_where_it_is_mounted_a_second_time)
{
    struct error err = {0};
    char again[96], backups[96], shop[96];
    scratch_shell(&scratch,
                  "mkdir -p srv/data/backups srv/shop again && mount --bind srv/data again");
    (void)snprintf(again, sizeof(again), "%s", scratch_path(&scratch, "again"));
    (void)snprintf(backups, sizeof(backups), "%s", scratch_path(&scratch, "srv/data/backups/new"));
    (void)snprintf(shop, sizeof(shop), "%s", scratch_path(&scratch, "srv/shop"));

    cr_expect(eq(int, (int)path_check_apart(again, backups, &err), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)path_check_apart(backups, again, &err), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)path_check_apart(again, shop, &err), (int)STATUS_OK));
}
