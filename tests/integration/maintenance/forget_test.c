#include "backup/backup.h"
#include "maintenance/maintenance.h"
#include "tests/support/backup_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct backup_fixture fixture;

static void set_up(void)
{
    backup_fixture_open(&fixture);
    scratch_shell(&fixture.scratch, "printf a >volume/a");
}

static void tear_down(void)
{
    backup_fixture_close(&fixture);
}

TestSuite(forget_run, .init = set_up, .fini = tear_down);

static char snapshot[RESTIC_ID_SIZE]; /* of the last backup */
static const char *recorded;          /* what the plan says of it */

static void back_up(const char *backup)
{
    struct error err = {0};
    struct work_result result;
    fixture.plan.backup = backup;
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
    memcpy(snapshot, result.repository_snapshot, sizeof(snapshot));
    work_result_done(&result);
}

/* As a file server may leave it that has crashed. */
static void empty_snapshot(const char *id)
{
    scratch_shell(&fixture.scratch, "cd bucket/*/snapshots && chmod 600 %s && : >%s", id, id);
}

static void expect_files(const char *expected)
{
    char *count = scratch_output(&fixture.scratch, "ls bucket/*/snapshots | wc -l");
    cr_expect(eq(str, count, (char *)(uintptr_t)expected));
    free(count);
}

static void expect_forget(enum status status)
{
    struct error err = {0};
    const struct forget_plan plan = {
        .work = fixture.plan.work,
        .backup = fixture.plan.backup,
        .snapshot = recorded,
    };
    cr_assert(eq(int, (int)forget_run(&plan, &err), (int)status), "%s", err.text);
}

static long count_snapshots(void)
{
    char *count = backup_fixture_restic(&fixture, "snapshots --json | grep -o short_id | wc -l");
    long number = strtol(count, NULL, 10);
    free(count);
    return number;
}

Test(forget_run, forgets_its_own_snapshot_and_no_other)
{
    back_up("55555555-5555-4555-8555-555555555555");
    back_up(FIXTURE_BACKUP);
    cr_assert(eq(long, count_snapshots(), 2));

    expect_forget(STATUS_OK);

    char *tags = backup_fixture_restic(&fixture, "snapshots --json");
    cr_expect(strstr(tags, FIXTURE_BACKUP) == NULL, "%s", tags);
    cr_expect(strstr(tags, "backup=55555555") != NULL, "%s", tags);
    free(tags);
    expect_forget(STATUS_OK);
    cr_expect(eq(long, count_snapshots(), 1));
    backup_fixture_check(&fixture);
}

Test(forget_run, is_done_beside_a_snapshot_that_cannot_be_read)
{
    back_up("55555555-5555-4555-8555-555555555555");
    empty_snapshot(snapshot);
    back_up(FIXTURE_BACKUP);

    expect_forget(STATUS_OK);

    expect_files("1");
    expect_forget(STATUS_OK);
    expect_files("1");
}

Test(forget_run, removes_by_its_id_what_cannot_be_read)
{
    char damaged[RESTIC_ID_SIZE];
    back_up(FIXTURE_BACKUP);
    memcpy(damaged, snapshot, sizeof(damaged));
    empty_snapshot(damaged);
    back_up("55555555-5555-4555-8555-555555555555");
    fixture.plan.backup = FIXTURE_BACKUP;
    recorded = damaged;

    expect_forget(STATUS_OK);

    expect_files("1");
    cr_expect(eq(long, count_snapshots(), 1));
    expect_forget(STATUS_OK);
    backup_fixture_check(&fixture);
}

Test(forget_run, removes_what_has_another_id_than_recorded)
{
    back_up(FIXTURE_BACKUP);
    recorded = snapshot;
    free(backup_fixture_restic(&fixture, "tag --add keep"));

    expect_forget(STATUS_OK);

    expect_files("0");
}

Test(forget_run, removes_both_snapshots_that_two_attempts_have_left)
{
    back_up(FIXTURE_BACKUP);
    scratch_shell(&fixture.scratch, "cp -r bucket/*/snapshots aside");
    empty_snapshot(snapshot);
    back_up(FIXTURE_BACKUP); /* cannot know that it was there already */
    recorded = snapshot;
    scratch_shell(&fixture.scratch, "cp -f aside/* bucket/*/snapshots");
    cr_assert(eq(long, count_snapshots(), 2));

    expect_forget(STATUS_OK);

    expect_files("0");
    backup_fixture_check(&fixture);
}

Test(forget_run, is_done_where_there_is_no_repository)
{
    expect_forget(STATUS_OK);
}

Test(forget_run, tries_again_later_when_the_bucket_is_away)
{
    scratch_shell(&fixture.scratch, "mv bucket elsewhere");
    expect_forget(STATUS_UNAVAILABLE);
}

Test(forget_run, waits_for_a_stock_restic_that_is_at_work)
{
    back_up(FIXTURE_BACKUP);
    scratch_shell(&fixture.scratch,
                  "mkfifo gate; (RESTIC_PASSWORD='a passphrase for tests' restic --no-cache "
                  "-r bucket/" FIXTURE_APP " backup --stdin <gate; touch ended) >/dev/null 2>&1 &");
    int gate = open(scratch_path(&fixture.scratch, "gate"), O_WRONLY | O_CLOEXEC);
    cr_assert(ge(int, gate, 0));
    scratch_shell(&fixture.scratch, "n=0; until [ -n \"$(ls bucket/" FIXTURE_APP
                                    "/locks)\" ]; do n=$((n+1)); [ $n -lt 400 ]; sleep 0.05; done");
    expect_forget(STATUS_LOCKED);
    back_up("55555555-5555-4555-8555-555555555555"); /* a backup may share */

    cr_assert(eq(int, (int)write(gate, "text", 4), 4));
    close(gate);
    scratch_shell(&fixture.scratch,
                  "n=0; until [ -e ended ]; do n=$((n+1)); [ $n -lt 400 ]; sleep 0.05; done");
    fixture.plan.backup = FIXTURE_BACKUP;
    expect_forget(STATUS_OK);
    cr_expect(eq(long, count_snapshots(), 2));
    backup_fixture_check(&fixture);
}
