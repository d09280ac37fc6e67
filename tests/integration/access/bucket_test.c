/* A bucket's directory that is not the bucket it was: nothing is written there, nothing judged. */
#include "access/bucket.h"

#include "backup/backup.h"
#include "bucket/object_store.h"
#include "maintenance/maintenance.h"
#include "restore/restore.h"
#include "tests/support/backup_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARKER "bucket/appbackup-bucket.json"

static struct backup_fixture fixture;
static struct work_result result;

static void set_up(void)
{
    struct error err = {0};
    backup_fixture_open(&fixture);
    scratch_write(&fixture.scratch, "volume/file", "text", 0644);
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
}

static void tear_down(void)
{
    work_result_done(&result);
    backup_fixture_close(&fixture);
}

TestSuite(access_bucket_check, .init = set_up, .fini = tear_down);

static void back_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
}

static void expect_accepted(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)access_bucket_check(&fixture.bucket, &err), STATUS_OK), "%s", err.text);
}

static void expect_refusal(const char *advice)
{
    struct error err = {0};
    cr_assert(eq(int, (int)access_bucket_check(&fixture.bucket, &err), STATUS_UNAVAILABLE));
    cr_assert(eq(str, err.reason, "bucket_unreachable"));
    cr_expect(ne(ptr, strstr(err.text, advice), NULL), "%s", err.text);
}

static void expect_unreachable(enum status status, const struct error *err)
{
    cr_expect(eq(int, (int)status, STATUS_UNAVAILABLE), "%s", err->text);
    cr_expect(eq(str, (char *)(uintptr_t)err->reason, "bucket_unreachable"), "%s", err->text);
}

/* What is left where a file system was. */
static void unmount(void)
{
    scratch_shell(&fixture.scratch, "mv bucket away && mkdir -m 0700 bucket");
}

static void mount(void)
{
    scratch_shell(&fixture.scratch, "rmdir bucket && mv away bucket");
}

static const char *path_of_copy(void)
{
    static char name[128];
    (void)snprintf(name, sizeof(name), "seen-buckets/%s", fixture.bucket.bucket.id);
    return name;
}

static bool exists(const char *name)
{
    return access(scratch_path(&fixture.scratch, name), F_OK) == 0;
}

Test(access_bucket_check, marks_a_bucket_with_its_first_backup_and_remembers_it)
{
    char text[256];
    char copy[256];
    char id[ID_SIZE + 16];
    back_up();

    scratch_read(&fixture.scratch, MARKER, text, sizeof(text));
    scratch_read(&fixture.scratch, path_of_copy(), copy, sizeof(copy));
    cr_expect(eq(str, text, copy));
    (void)snprintf(id, sizeof(id), "\"bucket\": \"%s\"", fixture.bucket.bucket.id);
    cr_expect(ne(ptr, strstr(text, id), NULL), "%s", text);
    expect_accepted();
    backup_fixture_check(&fixture);
}

Test(access_bucket_check, takes_no_unmounted_file_system_for_the_bucket)
{
    back_up();
    unmount();

    expect_refusal("mount its file system");
    expect_refusal(scratch_path(&fixture.scratch, path_of_copy()));
    cr_expect(not(exists(MARKER)));
    mount();
    expect_accepted();
}

Test(access_bucket_check, keeps_every_kind_of_job_away)
{
    struct error err = {0};
    struct verify_verdicts verdicts = {.backups = json_array()};
    json_auto_t *entries = json_array();
    bool exist = false;
    const struct backup_plan *plan = &fixture.plan;
    const struct forget_plan forget = {.work = plan->work, .backup = plan->backup};
    const struct verify_plan verify = {.work = plan->work, .sample = 100};
    const struct prune_plan prune = {.work = plan->work, .timeout_ms = 60000};
    const struct restore_plan restore = {.work = plan->work,
                                         .job = FIXTURE_JOB,
                                         .backup = FIXTURE_BACKUP,
                                         .app = plan->app,
                                         .undo_directory = plan->undo_directory,
                                         .target = scratch_path(&fixture.scratch, "out")};
    back_up();
    unmount();

    expect_unreachable(backup_run(plan, &result, &err), &err);
    expect_unreachable(forget_run(&forget, &err), &err);
    expect_unreachable(verify_run(&verify, &result, &verdicts, &err), &err);
    expect_unreachable(prune_run(&prune, &result, &err), &err);
    expect_unreachable(catalog_run(&plan->work, &result, entries, &err), &err);
    expect_unreachable(catalog_exists(plan->work.bucket, plan->work.app_id, &exist, &err), &err);
    expect_unreachable(access_bucket_probe(plan->work.bucket, &err), &err);
    expect_unreachable(restore_run(&restore, &result, &err), &err);

    cr_expect(zero(sz, json_array_size(verdicts.backups)));
    json_decref(verdicts.backups);
    mount(); /* which needs the directory to be empty */
    backup_fixture_check(&fixture);
}

Test(access_bucket_check, accepts_another_directory_once_the_copy_is_removed)
{
    back_up();
    unmount();
    expect_refusal("to have it accepted");

    scratch_shell(&fixture.scratch, "rm %s", path_of_copy());
    expect_accepted();
    back_up();

    scratch_shell(&fixture.scratch, "mv bucket other && mv away bucket");
    expect_refusal("is not the one that was used before");
    scratch_shell(&fixture.scratch, "rm %s", path_of_copy());
    expect_accepted();
}

Test(access_bucket_check, does_not_mark_an_empty_directory)
{
    expect_accepted();

    cr_expect(not(exists(MARKER)));
    cr_expect(not(exists(path_of_copy())));
}

Test(access_bucket_check, marks_a_bucket_of_before_at_its_first_use)
{
    back_up();
    scratch_shell(&fixture.scratch, "rm -r seen-buckets " MARKER);

    expect_accepted();

    cr_expect(exists(MARKER));
    cr_expect(exists(path_of_copy()));
}

Test(access_bucket_check, knows_a_bucket_that_another_node_has_marked)
{
    char before[256];
    char after[256];
    back_up();
    scratch_read(&fixture.scratch, MARKER, before, sizeof(before));
    scratch_shell(&fixture.scratch, "rm -r seen-buckets");

    expect_accepted();

    scratch_read(&fixture.scratch, MARKER, after, sizeof(after));
    cr_expect(eq(str, before, after));
    unmount();
    expect_refusal("mount its file system");
}

Test(access_bucket_check, refuses_another_buckets_directory_and_leaves_its_marker)
{
    char before[256];
    char after[256];
    back_up();
    scratch_read(&fixture.scratch, MARKER, before, sizeof(before));
    bucket_id("", "weekly", fixture.bucket.bucket.id);

    expect_refusal("is another bucket's");

    scratch_read(&fixture.scratch, MARKER, after, sizeof(after));
    cr_expect(eq(str, before, after));
    scratch_shell(&fixture.scratch, "rm -f " MARKER);
    expect_accepted();
}

Test(access_bucket_check, refuses_a_marker_that_says_nothing)
{
    static const char *const texts[] = {"", "[]", "{\"bucket\": \"x\", \"mark\": \"y\"}"};
    scratch_shell(&fixture.scratch, "mkdir -p bucket seen-buckets");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        scratch_write(&fixture.scratch, MARKER, texts[i], 0600);
        expect_refusal("or damaged");
    }
    scratch_shell(&fixture.scratch, "head -c 100000 /dev/zero >" MARKER);
    expect_refusal("or damaged");

    scratch_shell(&fixture.scratch, "rm " MARKER);
    back_up();
    scratch_write(&fixture.scratch, path_of_copy(), "", 0600);
    expect_refusal("is not the one that was used before");
}

Test(access_bucket_check, reads_a_bucket_that_cannot_be_marked)
{
    back_up();
    scratch_shell(&fixture.scratch,
                  "rm -r seen-buckets " MARKER " && mount --bind bucket bucket && "
                  "mount -o remount,bind,ro bucket");

    struct error err = {0};
    enum status status = access_bucket_check(&fixture.bucket, &err);
    scratch_shell(&fixture.scratch, "umount bucket");

    cr_expect(eq(int, (int)status, STATUS_OK), "%s", err.text);
    cr_expect(not(exists(path_of_copy())));
}
