/* Records that others left. */
#include "undo/undo.h"

#include "core/clock.h"
#include "tests/support/backup_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHER "99999999-9999-4999-8999-999999999999"

static struct scratch scratch;
static char undo[128];

static void set_up(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir -m 0700 undo");
    snprintf(undo, sizeof(undo), "%s/undo", scratch.path);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

static void write_record(const char *job, const char *shell)
{
    char name[128], text[2048];
    snprintf(name, sizeof(name), "undo/%s.json", job);
    snprintf(text, sizeof(text),
             "{\"version\":1,\"job\":\"%s\",\"backup\":\"" FIXTURE_BACKUP "\",\"app\":\"shop\","
             "\"hooks\":{\"post-backup\":[{\"name\":\"z\",\"timeout_ms\":10000,\"user\":null,"
             "\"command\":[\"/bin/sh\",\"-c\",\"%s\",\"%s\"]}]},\"snapshots\":[]}",
             job, shell, scratch.path);
    scratch_write(&scratch, name, text, 0600);
}

static char *list(const char *what)
{
    static char text[1024];
    char *output = scratch_output(&scratch, "ls %s | tr '\\n' ' '", what);
    snprintf(text, sizeof(text), "%s", output);
    free(output);
    return text;
}

TestSuite(undo_all, .init = set_up, .fini = tear_down);
TestSuite(undo_look, .init = set_up, .fini = tear_down);
TestSuite(undo_forgive, .init = set_up, .fini = tear_down);
TestSuite(undo_each, .init = set_up, .fini = tear_down);
TestSuite(undo_job, .init = set_up, .fini = tear_down);

Test(undo_job, does_nothing_where_there_is_nothing)
{
    struct error err = {0};
    char nowhere[160];
    snprintf(nowhere, sizeof(nowhere), "%s/nowhere", undo);
    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_OK));
    cr_expect(eq(int, (int)undo_job(nowhere, FIXTURE_JOB, &err), STATUS_OK));
    cr_expect(eq(int, (int)err.status, STATUS_OK), "no debt, no error: %s", err.text);
}

Test(undo_job, goes_on_after_a_hook_that_fails_and_tells_of_it)
{
    struct error err = {0};
    write_record(FIXTURE_JOB, "echo why; exit 4");

    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_CONFLICT));

    cr_expect(eq(str, err.reason, "hook_failed"));
    cr_expect(strstr(err.text, "exit code 4: why") != NULL, "%s", err.text);
    cr_expect(strstr(err.text, FIXTURE_JOB) != NULL, "%s", err.text);
}

Test(undo_job, runs_a_hook_that_has_failed_again_until_it_works)
{
    struct error err = {0};
    write_record(FIXTURE_JOB, "test -e $0/ready && touch $0/thawed");
    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_CONFLICT));
    cr_expect(eq(str, list("undo"), FIXTURE_JOB ".json "));
    scratch_shell(&scratch, "touch ready");

    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, access(scratch_path(&scratch, "thawed"), F_OK), 0));
    cr_expect(eq(str, list("undo"), ""));
}

Test(undo_look, tells_whom_it_is_about_and_when_it_is_due_again)
{
    struct error err = {0};
    struct undo_debt debt;
    cr_expect(eq(int, (int)undo_look(undo, FIXTURE_JOB, &debt, &err), STATUS_NOT_FOUND));
    write_record(FIXTURE_JOB, "exit 4");
    cr_expect(eq(int, (int)undo_look(undo, FIXTURE_JOB, &debt, &err), STATUS_OK));
    cr_expect(eq(str, debt.app, "shop"));
    cr_expect(debt.owes_hooks);
    cr_expect(eq(i64, debt.due_ms, 0));

    static const int64_t waits_s[] = {5, 10, 20, 40, 80, 160, 320, 600, 600};
    for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
        int64_t before_ms = clock_wall_ms();
        cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_CONFLICT));
        cr_expect(eq(int, (int)undo_look(undo, FIXTURE_JOB, &debt, &err), STATUS_OK));
        cr_expect(debt.owes_hooks);
        cr_expect(ge(i64, debt.due_ms, before_ms + waits_s[i] * 1000));
        cr_expect(le(i64, debt.due_ms, clock_wall_ms() + waits_s[i] * 1000));
    }
}

Test(undo_look, is_patient_with_what_only_takes_up_space)
{
    enum { PATIENCE_MS = 6 * 3600 * 1000 };
    struct error err = {0};
    struct undo_debt debt;
    scratch_write(
        &scratch, "undo/" FIXTURE_JOB ".json",
        "{\"version\":1,\"job\":\"" FIXTURE_JOB "\",\"backup\":\"" FIXTURE_BACKUP
        "\",\"app\":\"shop\",\"hooks\":{},\"snapshots\":[],\"tries\":20,\"tried_ms\":1000,"
        "\"restore\":{\"phase\":\"swapped\",\"since_ms\":1,\"places\":[]}}",
        0600);

    cr_assert(eq(int, (int)undo_look(undo, FIXTURE_JOB, &debt, &err), STATUS_OK), "%s", err.text);

    cr_expect(not(debt.owes_hooks));
    cr_expect(eq(i64, debt.due_ms, 1000 + PATIENCE_MS));
}

Test(undo_forgive, owes_a_stage_no_longer)
{
    struct error err = {0};
    const enum hook_stage thaw = HOOK_POST_SNAPSHOT;
    const enum hook_stage last = HOOK_POST_BACKUP;
    write_record(FIXTURE_JOB, "touch $0/ran");

    cr_expect(eq(int, (int)undo_forgive(undo, FIXTURE_JOB, &thaw, 1, &err), STATUS_OK));
    cr_expect(eq(str, list("undo"), FIXTURE_JOB ".json "));
    cr_expect(eq(int, (int)undo_forgive(undo, FIXTURE_JOB, &last, 1, &err), STATUS_OK));
    cr_expect(eq(str, list("undo"), ""));
    cr_expect(eq(int, (int)undo_forgive(undo, FIXTURE_JOB, &last, 1, &err), STATUS_OK));
    cr_expect(eq(int, access(scratch_path(&scratch, "ran"), F_OK), -1));
}

Test(undo_job, keeps_what_it_cannot_read_out_of_the_way)
{
    struct error err = {0};
    scratch_write(&scratch, "undo/" FIXTURE_JOB ".json", "{\"version\":1", 0600);

    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_INVALID));

    cr_expect(strstr(err.text, FIXTURE_JOB ".json.bad") != NULL, "%s", err.text);
    cr_expect(eq(str, list("undo"), FIXTURE_JOB ".json.bad "));
    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_OK));
}

Test(undo_job, runs_nothing_that_others_may_have_written)
{
    struct error err = {0};
    write_record(FIXTURE_JOB, "touch $0/ran");
    scratch_shell(&scratch, "chmod 0777 undo");
    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_FORBIDDEN));

    scratch_shell(&scratch, "chmod 0700 undo; mv undo real; ln -s real undo");
    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_FORBIDDEN));

    cr_expect(eq(int, access(scratch_path(&scratch, "ran"), F_OK), -1));
}

Test(undo_job, keeps_the_record_of_a_snapshot_that_is_still_there)
{
    struct error err = {0};
    char text[2048];
    scratch_shell(&scratch, "mkdir -p v/.appbackup-" FIXTURE_JOB "-0; chown 1:1 v/.appbackup-*");
    snprintf(text, sizeof(text),
             "{\"version\":1,\"job\":\"" FIXTURE_JOB "\",\"backup\":\"" FIXTURE_BACKUP
             "\",\"app\":\"shop\",\"hooks\":{},\"snapshots\":[{\"driver\":\"reflink\","
             "\"volume\":\"%1$s/v\",\"path\":\"%1$s/v/.appbackup-" FIXTURE_JOB "-0/snapshot\","
             "\"root\":\"%1$s/v/.appbackup-" FIXTURE_JOB "-0\"}]}",
             scratch.path);
    scratch_write(&scratch, "undo/" FIXTURE_JOB ".json", text, 0600);

    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_FORBIDDEN));
    cr_expect(eq(str, list("undo"), FIXTURE_JOB ".json "));

    scratch_shell(&scratch, "chown 0:0 v/.appbackup-*; chmod 0700 v/.appbackup-*");
    cr_expect(eq(int, (int)undo_job(undo, FIXTURE_JOB, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(str, list("undo"), ""));
    cr_expect(eq(str, list("-A v"), ""));
}

static bool is_not_the_other(void *context, const char *job)
{
    return strcmp(job, context) != 0;
}

Test(undo_all, unwinds_what_is_wanted_and_leaves_the_rest)
{
    struct error err = {0};
    size_t count = 0;
    write_record(FIXTURE_JOB, "touch $0/ran");
    write_record(OTHER, "touch $0/other");
    scratch_shell(&scratch,
                  "touch undo/notes.json undo/" FIXTURE_JOB ".json.tmp undo/" OTHER ".json.bad");

    cr_assert(eq(int, (int)undo_all(undo, is_not_the_other, OTHER, &count, &err), STATUS_OK), "%s",
              err.text);

    cr_expect(eq(sz, count, 1));
    cr_expect(eq(str, list("undo"), OTHER ".json " OTHER ".json.bad notes.json "));
    cr_expect(eq(int, access(scratch_path(&scratch, "ran"), F_OK), 0));
    cr_expect(eq(int, access(scratch_path(&scratch, "other"), F_OK), -1));
}

Test(undo_all, is_not_stopped_by_one_that_fails)
{
    struct error err = {0};
    size_t count = 77;
    write_record(OTHER, "exit 1");
    write_record(FIXTURE_JOB, "touch $0/ran");

    cr_expect(eq(int, (int)undo_all(undo, NULL, NULL, &count, &err), STATUS_CONFLICT));

    cr_expect(eq(sz, count, 77));
    cr_expect(eq(str, list("undo"), OTHER ".json ")); /* is owed still */
    cr_expect(eq(int, access(scratch_path(&scratch, "ran"), F_OK), 0));
}

Test(undo_all, counts_none_where_there_is_no_directory)
{
    struct error err = {0};
    size_t count = 77;
    scratch_shell(&scratch, "rmdir undo");
    cr_expect(eq(int, (int)undo_all(undo, NULL, NULL, &count, &err), STATUS_OK));
    cr_expect(eq(sz, count, 0));
}

static void unwind(void *context, const char *job)
{
    size_t *count = context;
    struct error err = {0};
    (*count)++;
    cr_expect(eq(int, (int)undo_job(undo, job, &err), STATUS_OK), "%s", err.text);
}

Test(undo_each, names_each_job_with_a_record_once_though_it_is_unwound)
{
    size_t count = 0;
    struct error err = {0};
    write_record(FIXTURE_JOB, "true");
    write_record(OTHER, "true");
    scratch_write(&scratch, "undo/" OTHER ".json.tmp", "{", 0600);
    scratch_write(&scratch, "undo/note.json", "{}", 0600);

    cr_assert(eq(int, (int)undo_each(undo, unwind, &count, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(sz, count, 2));
    cr_expect(eq(str, list("undo"), OTHER ".json.tmp note.json "));
}
