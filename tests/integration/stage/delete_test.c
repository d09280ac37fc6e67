#include "stage/backup.h"
#include "tests/support/stage_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct stage_fixture fixture;

static void set_up(void)
{
    stage_fixture_open(&fixture);
    scratch_shell(&fixture.scratch, "printf a >volume/a");
}

static void tear_down(void)
{
    stage_fixture_close(&fixture);
}

TestSuite(stage_delete_run, .init = set_up, .fini = tear_down);

static void back_up(const char *backup)
{
    struct error err = {0};
    struct stage_result result;
    fixture.plan.backup = backup;
    cr_assert(eq(int, (int)stage_result_init(&result, &err), STATUS_OK));
    cr_assert(eq(int, (int)stage_backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s",
              err.text);
    stage_result_done(&result);
}

static void expect_delete(enum status status)
{
    struct error err = {0};
    fixture.plan.app = NULL; /* as its caller may have it */
    cr_assert(eq(int, (int)stage_delete_run(&fixture.plan, &err), (int)status), "%s", err.text);
    fixture.plan.app = &fixture.app;
}

static long count_snapshots(void)
{
    char *count = stage_fixture_restic(&fixture, "snapshots --json | grep -o short_id | wc -l");
    long number = strtol(count, NULL, 10);
    free(count);
    return number;
}

Test(stage_delete_run, forgets_its_own_snapshot_and_no_other)
{
    back_up("55555555-5555-4555-8555-555555555555");
    back_up(FIXTURE_BACKUP);
    cr_assert(eq(long, count_snapshots(), 2));

    expect_delete(STATUS_OK);

    char *tags = stage_fixture_restic(&fixture, "snapshots --json");
    cr_expect(strstr(tags, FIXTURE_BACKUP) == NULL, "%s", tags);
    cr_expect(strstr(tags, "backup=55555555") != NULL, "%s", tags);
    free(tags);
    expect_delete(STATUS_OK);
    cr_expect(eq(long, count_snapshots(), 1));
    stage_fixture_check(&fixture);
}

Test(stage_delete_run, is_done_where_there_is_no_repository)
{
    expect_delete(STATUS_OK);
}

Test(stage_delete_run, tries_again_later_when_the_bucket_is_away)
{
    scratch_shell(&fixture.scratch, "mv bucket elsewhere");
    expect_delete(STATUS_UNAVAILABLE);
}

Test(stage_delete_run, waits_for_a_stock_restic_that_is_at_work)
{
    back_up(FIXTURE_BACKUP);
    scratch_shell(&fixture.scratch,
                  "mkfifo gate; (RESTIC_PASSWORD='a passphrase for tests' restic --no-cache "
                  "-r bucket/" FIXTURE_APP " backup --stdin <gate; touch ended) >/dev/null 2>&1 &");
    int gate = open(scratch_path(&fixture.scratch, "gate"), O_WRONLY | O_CLOEXEC);
    cr_assert(ge(int, gate, 0));
    scratch_shell(&fixture.scratch, "n=0; until [ -n \"$(ls bucket/" FIXTURE_APP
                                    "/locks)\" ]; do n=$((n+1)); [ $n -lt 400 ]; sleep 0.05; done");
    expect_delete(STATUS_LOCKED);
    back_up("55555555-5555-4555-8555-555555555555"); /* a backup may share */

    cr_assert(eq(int, (int)write(gate, "text", 4), 4));
    close(gate);
    scratch_shell(&fixture.scratch,
                  "n=0; until [ -e ended ]; do n=$((n+1)); [ $n -lt 400 ]; sleep 0.05; done");
    fixture.plan.backup = FIXTURE_BACKUP;
    expect_delete(STATUS_OK);
    cr_expect(eq(long, count_snapshots(), 2));
    stage_fixture_check(&fixture);
}
