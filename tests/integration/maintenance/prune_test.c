/* Space comes back, also where there is none left to work in. */

#include "backup/backup.h"
#include "maintenance/maintenance.h"
#include "tests/support/backup_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static struct backup_fixture fixture;
static struct work_result result;

static void set_up(void)
{
    struct error err = {0};
    backup_fixture_open(&fixture);
    scratch_shell(&fixture.scratch, "mount -t tmpfs -o size=60m,mode=700 none bucket");
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
}

static void tear_down(void)
{
    work_result_done(&result);
    scratch_shell(&fixture.scratch, "umount bucket");
    backup_fixture_close(&fixture);
}

TestSuite(prune_run, .init = set_up, .fini = tear_down, .timeout = 120);

static void back_up(const char *backup)
{
    struct error err = {0};
    fixture.plan.backup = backup;
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
}

static void forget(const char *backup)
{
    struct error err = {0};
    const struct forget_plan plan = {.work = fixture.plan.work, .backup = backup};
    cr_assert(eq(int, (int)forget_run(&plan, &err), STATUS_OK), "%s", err.text);
}

static void prune(enum status wanted, const char *reason)
{
    struct error err = {0};
    const struct prune_plan plan = {.work = fixture.plan.work, .timeout_ms = 60000};
    cr_assert(eq(int, (int)prune_run(&plan, &result, &err), (int)wanted), "%s", err.text);
    if (wanted != STATUS_OK)
        cr_assert(eq(str, err.reason, (char *)(uintptr_t)reason), "%s", err.text);
}

static long free_kib(void)
{
    struct statvfs info;
    cr_assert(eq(int, statvfs(fixture.bucket.path, &info), 0));
    return (long)(info.f_bavail * info.f_frsize / 1024);
}

static void leave_kib(long kib)
{
    scratch_shell(&fixture.scratch, "head -c %ldK /dev/zero >bucket/other", free_kib() - kib);
}

/* Packs of which half is needed. */
static void back_up_twice_and_forget_half(void)
{
    scratch_shell(&fixture.scratch,
                  "cd volume && for i in $(seq 40); do head -c 200000 /dev/urandom >m$i; done");
    back_up("55555555-5555-4555-8555-555555555555");
    scratch_shell(&fixture.scratch, "rm volume/m1* volume/m2*");
    back_up("66666666-6666-4666-8666-666666666666");
    forget("55555555-5555-4555-8555-555555555555");
}

Test(prune_run, gives_back_first_what_needs_no_room_when_the_bucket_is_full)
{
    scratch_shell(&fixture.scratch, "head -c 25000000 /dev/urandom >volume/old");
    back_up(FIXTURE_BACKUP);
    scratch_shell(&fixture.scratch, "rm volume/old");
    back_up_twice_and_forget_half();
    forget(FIXTURE_BACKUP);
    leave_kib(500);

    prune(STATUS_OK, "");

    cr_expect(lt(long, (25000000 + 20 * 200000) / 1024, free_kib()), "%ld KiB", free_kib());
    backup_fixture_check(&fixture);
}

Test(prune_run, says_that_the_bucket_is_full_when_nothing_helps)
{
    back_up_twice_and_forget_half();
    leave_kib(500);

    prune(STATUS_NO_SPACE, "bucket_full");

    scratch_shell(&fixture.scratch, "rm bucket/other");
    prune(STATUS_OK, "");
    backup_fixture_check(&fixture);
}

Test(prune_run, says_that_the_bucket_is_full_when_not_even_a_lock_fits)
{
    back_up_twice_and_forget_half();
    leave_kib(0);
    scratch_shell(&fixture.scratch, "cat /dev/zero >bucket/rest 2>/dev/null || true");

    prune(STATUS_NO_SPACE, "bucket_full");
}
