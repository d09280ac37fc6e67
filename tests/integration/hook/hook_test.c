/* Real hooks, as root. */
#include "hook/hook.h"

#include "core/clock.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKUP "6b3f1a52-8c70-4d1e-9f2a-0123456789ab"

enum { PATIENCE_MS = 20000 };

static struct error err;
static struct child_result result;
static struct hook_context context = {
    .app_name = "shop", .backup = BACKUP, .stage = HOOK_PRE_SNAPSHOT};

static enum status run(const char *script, char *user, int64_t timeout_ms)
{
    char *command[] = {"/bin/sh", "-c", (char *)script, NULL};
    struct app_hook hook = {
        .name = "freeze", .command = command, .user = user, .timeout_ms = timeout_ms};
    return hook_run(&hook, &context, &result, &err);
}

Test(hook_run, shows_the_documented_environment_and_nothing_else)
{
    (void)setenv("SECRET", "1", 1);

    cr_assert(
        eq(int, (int)run("env | LC_ALL=C sort | grep -v ^PWD=; pwd", NULL, PATIENCE_MS), STATUS_OK),
        "%s", err.text);

    cr_expect(eq(str, result.output,
                 "APPBACKUP_APP=shop\n"
                 "APPBACKUP_BACKUP_ID=" BACKUP "\n"
                 "APPBACKUP_REASON=backup\n"
                 "APPBACKUP_STAGE=pre-snapshot\n"
                 "HOME=/root\n"
                 "LANG=C.UTF-8\n"
                 "LOGNAME=root\n"
                 "PATH=" CHILD_PATH "\n"
                 "USER=root\n"
                 "/\n"));
    cr_expect(child_succeeded(&result));
}

Test(hook_run, tells_the_stage_and_the_reason)
{
    static const char *const stages[HOOK_STAGE_COUNT] = {
        [HOOK_PRE_BACKUP] = "pre-backup undo\n",       [HOOK_PRE_SNAPSHOT] = "pre-snapshot undo\n",
        [HOOK_POST_SNAPSHOT] = "post-snapshot undo\n", [HOOK_POST_BACKUP] = "post-backup undo\n",
        [HOOK_PRE_RESTORE] = "pre-restore undo\n",     [HOOK_POST_RESTORE] = "post-restore undo\n",
    };
    context.reason = HOOK_REASON_UNDO;

    for (int stage = 0; stage < HOOK_STAGE_COUNT; stage++) {
        context.stage = (enum hook_stage)stage;
        cr_assert(eq(int, (int)run("echo $APPBACKUP_STAGE $APPBACKUP_REASON", NULL, PATIENCE_MS),
                     STATUS_OK));
        cr_expect(eq(str, result.output, (char *)stages[stage]));
    }
}

Test(hook_run, becomes_its_user_with_that_ones_home)
{
    cr_assert(
        eq(int, (int)run("id -un; echo $USER $LOGNAME $HOME", "games", PATIENCE_MS), STATUS_OK),
        "%s", err.text);

    cr_expect(eq(str, result.output, "games\ngames games /usr/games\n"));
}

Test(hook_run, gives_a_failed_hook_as_a_result)
{
    cr_assert(eq(int, (int)run("echo cannot lock >&2; exit 4", NULL, PATIENCE_MS), STATUS_OK));

    cr_expect(not(child_succeeded(&result)));
    cr_expect(eq(int, result.exit_code, 4));
    cr_expect(eq(str, result.output, "cannot lock\n"));
}

Test(hook_run, ends_a_hook_at_its_deadline)
{
    cr_assert(eq(int, (int)run("sleep 600", NULL, 200), STATUS_OK));

    cr_expect(result.timed_out);
    cr_expect(not(child_succeeded(&result)));
}

Test(hook_run, names_hook_and_stage_when_it_cannot_start)
{
    char *command[] = {"/nonexistent/freeze", NULL};
    struct app_hook hook = {.name = "lock tables", .command = command, .timeout_ms = 1000};

    cr_expect(eq(int, (int)hook_run(&hook, &context, &result, &err), STATUS_NOT_FOUND));

    cr_expect(strstr(err.text, "pre-snapshot hook 'lock tables': ") == err.text, "%s", err.text);
    cr_expect(strstr(err.text, "/nonexistent/freeze") != NULL, "%s", err.text);
    cr_expect(eq(int, (int)run("true", "no-such-user", 1000), STATUS_NOT_FOUND));
    cr_expect(strstr(err.text, "no-such-user") != NULL, "%s", err.text);
}

static struct cancel cancel;

static void *cancel_when_it_exists(void *path)
{
    int64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    while (access(path, F_OK) != 0 && clock_left_ms(deadline_ms) > 0)
        (void)usleep(2000);
    cancel_request(&cancel, STATUS_LOST);
    return NULL;
}

Test(hook_run, fails_with_the_reason_of_a_cancel)
{
    struct scratch scratch;
    scratch_open(&scratch);
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK));
    context.cancel = &cancel;
    char script[256], begun[128];
    (void)snprintf(begun, sizeof(begun), "%s/begun", scratch.path);
    (void)snprintf(script, sizeof(script), ": >'%s'; sleep 600", begun);
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, cancel_when_it_exists, begun) == 0);

    cr_expect(eq(int, (int)run(script, NULL, PATIENCE_MS), STATUS_LOST), "%s", err.text);
    cr_expect(eq(str, err.reason, "lease_lost"));
    (void)pthread_join(thread, NULL);

    cr_expect(eq(int, (int)run("true", NULL, PATIENCE_MS), STATUS_LOST), "before it starts");
    context.cancel = NULL;
    cr_expect(eq(int, (int)run("true", NULL, PATIENCE_MS), STATUS_OK), "an undo is not cancelled");
    cancel_done(&cancel);
    scratch_close(&scratch);
}

Test(hook_run, lets_a_session_live_from_the_pre_hook_to_the_post_hook)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char script[256];
    (void)snprintf(script, sizeof(script),
                   "sleep 600 </dev/null >/dev/null 2>&1 & echo $! >'%s/session'", scratch.path);
    cr_assert(eq(int, (int)run(script, NULL, PATIENCE_MS), STATUS_OK), "%s", err.text);

    (void)snprintf(script, sizeof(script), "kill \"$(cat '%s/session')\"", scratch.path);
    context.stage = HOOK_POST_SNAPSHOT;
    cr_assert(eq(int, (int)run(script, NULL, PATIENCE_MS), STATUS_OK), "%s", err.text);

    cr_expect(child_succeeded(&result), "there was a session to end: %s", result.output);
    scratch_close(&scratch);
}
