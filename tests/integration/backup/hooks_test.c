/* Hooks around a backup, and that the application is let go whatever happens. */
#include "backup/backup.h"
#include "core/child.h"
#include "model/detail.h"
#include "tests/support/backup_fixture.h"
#include "tests/support/loop_device.h"
#include "undo/undo.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct backup_fixture fixture;
static struct work_result result;

static void set_up(void)
{
    struct error err = {0};
    backup_fixture_open(&fixture);
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
    scratch_shell(&fixture.scratch, "head -c 3000000 /dev/urandom >volume/a; printf b >volume/b");
}

static void tear_down(void)
{
    work_result_done(&result);
    backup_fixture_close(&fixture);
}

static void add_all_hooks(void)
{
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "a", ":", false);
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "freeze", "touch \"$0/frozen\"", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_SNAPSHOT, "thaw", "rm -f \"$0/frozen\"", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_BACKUP, "z", ":", false);
}

static char *fixture_log(void)
{
    return (char *)(uintptr_t)backup_fixture_log(&fixture);
}

static char *text_of(const json_t *object, const char *field)
{
    return (char *)(uintptr_t)json_string_value(json_object_get(object, field));
}

TestSuite(hooks, .init = set_up, .fini = tear_down);

Test(hooks, run_each_once_in_their_order_and_see_what_they_belong_to)
{
    struct error err = {0};
    add_all_hooks();
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "second",
                            "echo \"$APPBACKUP_APP $APPBACKUP_BACKUP_ID\" >\"$0/env\"", false);

    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, fixture_log(),
                 "pre-backup a backup; pre-snapshot freeze backup; pre-snapshot second backup; "
                 "post-snapshot thaw backup; post-backup z backup"));
    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_SUCCESS));
    cr_expect(eq(sz, json_array_size(result.hook_state_details), 0));
    char env[128];
    scratch_read(&fixture.scratch, "env", env, sizeof(env));
    cr_expect(eq(str, env, "shop " FIXTURE_BACKUP "\n"));
    backup_fixture_check(&fixture);
}

Test(hooks, that_fail_are_told_of_and_the_backup_goes_on)
{
    struct error err = {0};
    add_all_hooks();
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "broken",
                            "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done;"
                            "printf 'caf\\351 last words\\n' >&2; exit 3",
                            false);

    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_FAILED));
    cr_assert(eq(sz, json_array_size(result.hook_state_details), 1));
    const json_t *detail = json_array_get(result.hook_state_details, 0);
    cr_expect(eq(str, text_of(detail, "type"), DETAIL_TYPE_PREFIX "hook_failed"));
    cr_expect(eq(str, text_of(detail, "title"), "pre-snapshot hook failed"));
    cr_expect(strstr(text_of(detail, "detail"), "hook 'broken': exit code 3") != NULL);
    cr_expect(strstr(text_of(detail, "detail"), "caf? last words") != NULL);
    cr_expect(le(sz, strlen(text_of(detail, "detail")), DETAIL_TEXT_MAX));
    const json_t *additional = json_object_get(detail, "additionalDetails");
    cr_expect(eq(str, text_of(additional, "stage"), "pre-snapshot"));
    cr_expect(eq(str, text_of(additional, "hook"), "broken"));
    cr_expect(eq(i64, json_integer_value(json_object_get(additional, "exitCode")), 3));
    cr_expect(eq(sz, strlen(text_of(additional, "output")), CHILD_OUTPUT_MAX));
    cr_expect(strstr(fixture_log(), "post-snapshot thaw backup") != NULL);
    backup_fixture_check(&fixture);
}

Test(hooks, that_cannot_be_started_are_failures_as_well)
{
    struct error err = {0};
    add_all_hooks();
    free(fixture.hooks[HOOK_PRE_BACKUP][0].command[0]);
    fixture.hooks[HOOK_PRE_BACKUP][0].command[0] = strdup("/no/such/command");

    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_FAILED));
    const json_t *detail = json_array_get(result.hook_state_details, 0);
    cr_expect(strstr(text_of(detail, "detail"), "/no/such/command") != NULL, "%s",
              text_of(detail, "detail"));
}

/* What has failed is owed; nothing else is. */
static void forgive(enum hook_stage stage)
{
    struct error err = {0};
    struct undo_debt debt;
    const char *undo = fixture.plan.undo_directory;
    cr_assert(eq(int, (int)undo_look(undo, FIXTURE_JOB, &debt, &err), STATUS_OK));
    cr_expect(debt.owes_hooks);
    cr_expect(eq(int, (int)undo_forgive(undo, FIXTURE_JOB, &stage, 1, &err), STATUS_OK));
}

struct abort_row {
    enum hook_stage stage;
    const char *log;
};

static const struct abort_row abort_rows[] = {
    {HOOK_PRE_BACKUP, "pre-backup a backup; pre-backup bad backup; post-backup z undo"},
    {HOOK_PRE_SNAPSHOT, "pre-backup a backup; pre-snapshot freeze backup; pre-snapshot bad backup; "
                        "post-snapshot thaw undo; post-backup z undo"},
    {HOOK_POST_SNAPSHOT,
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw backup; "
     "post-snapshot bad backup; post-snapshot never backup; post-snapshot thaw undo; "
     "post-snapshot bad undo; post-snapshot never undo; post-backup z undo"},
};

ParameterizedTestParameters(hooks, that_abort_end_the_backup_and_let_go)
{
    static size_t indexes[] = {0, 1, 2};
    return cr_make_param_array(size_t, indexes, 3);
}

ParameterizedTest(size_t *index, hooks, that_abort_end_the_backup_and_let_go)
{
    const struct abort_row *row = &abort_rows[*index];
    struct error err = {0};
    add_all_hooks();
    backup_fixture_add_hook(&fixture, row->stage, "bad", "exit 7", true);
    backup_fixture_add_hook(&fixture, row->stage, "never", ":", false); /* but for a thaw */

    enum status status = backup_run(&fixture.plan, &result, &err);

    cr_expect(not(status_is_transient(status)));
    cr_expect(eq(str, err.reason, "hook_failed"));
    cr_expect(strstr(err.text, "exit code 7") != NULL, "%s", err.text);
    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_FAILED));
    cr_expect(eq(str, fixture_log(), (char *)(uintptr_t)row->log));
    if (row->stage == HOOK_POST_SNAPSHOT)
        forgive(row->stage);
    backup_fixture_check(&fixture);
}

Test(hooks, cannot_fail_a_backup_that_is_committed)
{
    struct error err = {0};
    backup_fixture_add_hook(&fixture, HOOK_POST_BACKUP, "late", "exit 1", true);

    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK));

    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_FAILED));
    cr_expect(eq(sz, strlen(result.repository_snapshot), 64));
    forgive(HOOK_POST_BACKUP);
    backup_fixture_check(&fixture);
}

/* At the beginning of a stage, or ("chunk") when some content has been uploaded. */
static bool is_at(const char *place, const struct work_report *report)
{
    if (strcmp(place, "chunk") == 0)
        return strcmp(report->stage, "upload") == 0 && report->bytes_done > 0;
    return strcmp(report->stage, place) == 0;
}

static enum status cancel_at(void *context, const struct work_report *report,
                             struct error *err UNUSED)
{
    if (is_at(context, report))
        cancel_request(&fixture.cancel, STATUS_CANCELED);
    return STATUS_OK;
}

static enum status kill_at(void *context, const struct work_report *report,
                           struct error *err UNUSED)
{
    if (is_at(context, report))
        (void)raise(SIGKILL);
    return STATUS_OK;
}

struct stage_row {
    const char *stage;
    const char *cancelled; /* the log, when cancelled as the stage begins */
    const char *killed;    /* the log of what undo_job() ran, when killed there */
};

static const struct stage_row stage_rows[] = {
    {"open", "", ""},
    {"pre-backup", "", ""},
    {"pre-snapshot", "pre-backup a backup; post-backup z undo", "post-backup z undo"},
    {"snapshot",
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw undo; post-backup z undo",
     "post-snapshot thaw undo; post-backup z undo"},
    {"post-snapshot",
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw undo; post-backup z undo",
     "post-snapshot thaw undo; post-backup z undo"},
    {"discover",
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw backup; "
     "post-backup z undo",
     "post-backup z undo"},
    {"upload",
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw backup; "
     "post-backup z undo",
     "post-backup z undo"},
    {"commit",
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw backup; "
     "post-backup z undo",
     "post-backup z undo"},
    {"chunk",
     "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw backup; "
     "post-backup z undo",
     "post-backup z undo"},
    {"cleanup", NULL, "post-backup z undo"},
    {"post-backup", NULL, "post-backup z undo"},
};

enum { STAGE_ROWS = sizeof(stage_rows) / sizeof(stage_rows[0]) };

/* In a process of its own, which must be killed there. */
static void die_at(const char *place)
{
    struct error err = {0};
    int status = 0;
    fixture.plan.work.report = kill_at;
    fixture.plan.work.context = (void *)(uintptr_t)place;
    pid_t pid = fork();
    cr_assert(ge(int, pid, 0));
    if (pid == 0) {
        (void)!backup_run(&fixture.plan, &result, &err);
        _exit(1);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    cr_assert(killed, "%s: did not die", place);
    fixture.plan.work.report = NULL;
}

static struct criterion_test_params stage_parameters(bool cancelled)
{
    static size_t indexes[STAGE_ROWS];
    size_t count = 0;
    for (size_t i = 0; i < STAGE_ROWS; i++)
        if (!cancelled || stage_rows[i].cancelled != NULL)
            indexes[count++] = i;
    return cr_make_param_array(size_t, indexes, count);
}

ParameterizedTestParameters(hooks, let_go_when_cancelled_at)
{
    return stage_parameters(true);
}

ParameterizedTest(size_t *index, hooks, let_go_when_cancelled_at)
{
    const struct stage_row *row = &stage_rows[*index];
    struct error err = {0};
    add_all_hooks();
    fixture.plan.work.report = cancel_at;
    fixture.plan.work.context = (void *)(uintptr_t)row->stage;

    enum status status = backup_run(&fixture.plan, &result, &err);

    cr_assert(eq(int, (int)status, STATUS_CANCELED), "%s: %s", row->stage, err.text);
    cr_expect(eq(str, err.reason, "canceled"));
    cr_expect(eq(str, fixture_log(), (char *)(uintptr_t)row->cancelled));
    char *left = scratch_output(&fixture.scratch,
                                "ls frozen undo bucket/*/locks bucket/*/snapshots 2>/dev/null |"
                                "grep -v ':$' | tr -d '\\n'; ls -A | grep appbackup; true");
    cr_expect(eq(str, left, ""));
    free(left);
}

ParameterizedTestParameters(hooks, are_undone_after_a_kill_at)
{
    return stage_parameters(false);
}

/* The process dies, with its lock in the bucket and its snapshot on the disk; somebody else
 * unwinds; the next attempt completes. */
ParameterizedTest(size_t *index, hooks, are_undone_after_a_kill_at)
{
    const struct stage_row *row = &stage_rows[*index];
    struct error err = {0};
    add_all_hooks();
    die_at(row->stage);
    scratch_shell(&fixture.scratch, "rm -f log");

    cr_assert(eq(int, (int)undo_job(fixture.plan.undo_directory, FIXTURE_JOB, &err), STATUS_OK),
              "%s", err.text);

    cr_expect(eq(str, fixture_log(), (char *)(uintptr_t)row->killed));
    char *left =
        scratch_output(&fixture.scratch, "ls frozen undo 2>/dev/null | grep -v ':$'; true");
    cr_expect(eq(str, left, ""));
    free(left);
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
    backup_fixture_check(&fixture);
}

Test(hooks, of_a_dead_attempt_are_undone_by_the_next_one_itself)
{
    struct error err = {0};
    add_all_hooks();
    die_at("snapshot");
    scratch_shell(&fixture.scratch, "rm log");

    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, fixture_log(),
                 "post-snapshot thaw undo; post-backup z undo; pre-backup a backup; "
                 "pre-snapshot freeze backup; post-snapshot thaw backup; post-backup z backup"));
}

/* The retry of a job, as a worker makes it: a hook that fails there is not run a second time. */
Test(hooks, of_a_dead_attempt_are_not_run_again_where_the_caller_has_run_them)
{
    struct error err = {0};
    struct error paid = {0};
    add_all_hooks();
    backup_fixture_add_hook(&fixture, HOOK_POST_SNAPSHOT, "stuck", "[ -e \"$0/free\" ]", false);
    die_at("snapshot");
    cr_assert(
        not(eq(int, (int)undo_job(fixture.plan.undo_directory, FIXTURE_JOB, &paid), STATUS_OK)));
    scratch_shell(&fixture.scratch, "rm log; touch free");
    fixture.plan.paid = &paid;

    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, fixture_log(),
                 "pre-backup a backup; pre-snapshot freeze backup; post-snapshot thaw backup; "
                 "post-snapshot stuck backup; post-backup z backup"));
    cr_expect(eq(sz, json_array_size(result.state_details), 1));
    backup_fixture_check(&fixture);
}

static char *snapshots_on(const struct loop_device *device)
{
    static char text[1024];
    char *found = scratch_output(&fixture.scratch, "find %s -name '.appbackup-*'", device->path);
    snprintf(text, sizeof(text), "%s", found);
    free(found);
    return text;
}

Test(hooks, are_undone_together_with_the_snapshot)
{
    static const char *const places[] = {"post-snapshot", "discover", "chunk", "cleanup"};
    struct loop_device device;
    struct error err = {0};
    loop_device_open(&device, LOOP_DEVICE_XFS);
    scratch_shell(&fixture.scratch, "mv volume %s/", device.path);
    free(fixture.volumes[0]);
    cr_assert(lt(int, 0, asprintf(&fixture.volumes[0], "%s/volume", device.path)));
    fixture.app.snapshot = APP_SNAPSHOT_REFLINK;
    add_all_hooks();
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        die_at(places[i]);
        cr_expect(not(eq(str, snapshots_on(&device), "")), "%s", places[i]);

        cr_expect(eq(int, (int)undo_job(fixture.plan.undo_directory, FIXTURE_JOB, &err), STATUS_OK),
                  "%s: %s", places[i], err.text);

        cr_expect(eq(str, snapshots_on(&device), ""), "%s", places[i]);
    }
    scratch_shell(&fixture.scratch, "echo new >%s/volume/new", device.path);
    fixture.plan.work.report = cancel_at;
    fixture.plan.work.context = "chunk";
    fixture.plan.backup = "55555555-5555-4555-8555-555555555555";
    cr_expect(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_CANCELED));
    cr_expect(eq(str, snapshots_on(&device), ""));
    backup_fixture_check(&fixture);
    loop_device_close(&device);
}

Test(hooks, do_not_run_unless_their_undo_could_be_written_down)
{
    struct error err = {0};
    add_all_hooks();
    scratch_write(&fixture.scratch, "undo", "in the way", 0600);

    cr_expect(not(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK)));

    cr_expect(strstr(err.text, "undo record") != NULL, "%s", err.text);
    cr_expect(eq(str, fixture_log(), ""));
}

static void on_signal(int number UNUSED)
{
    cancel_request(&fixture.cancel, STATUS_CANCELED);
}

Test(hooks, in_progress_end_when_the_backup_is_cancelled_and_a_thaw_does_not)
{
    struct error err = {0};
    add_all_hooks();
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "slow", "touch \"$0/slow\"; exec sleep 60",
                            false);
    struct sigaction action = {.sa_handler = on_signal};
    cr_assert(eq(int, sigaction(SIGUSR1, &action, NULL), 0));
    pid_t pid = fork(); /* asks for the end when the hook runs */
    if (pid == 0) {
        for (int i = 0; i < 1000 && access(scratch_path(&fixture.scratch, "slow"), F_OK) != 0; i++)
            usleep(10000);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }

    enum status status = backup_run(&fixture.plan, &result, &err);

    cr_assert(eq(int, (int)status, STATUS_CANCELED), "%s", err.text);
    cr_expect(strstr(fixture_log(),
                     "pre-snapshot slow backup; post-snapshot thaw undo; post-backup z undo") !=
                  NULL,
              "%s", fixture_log());
    cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
}
