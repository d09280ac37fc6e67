#include "tests/support/restore_steps.h"

#include "core/point.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB "77777777-7777-4777-8777-777777777777"

struct restore_plan plan;
char target[PATH_MAX];

void restore_steps_set_up(void)
{
    backup_steps_set_up();
    snprintf(target, sizeof(target), "%s/out", fixture.scratch.path);
    plan = (struct restore_plan){
        .work = fixture.plan.work,
        .job = JOB,
        .backup = FIXTURE_BACKUP,
        .app = &fixture.app,
        .undo_directory = fixture.plan.undo_directory,
        .target = target,
    };
}

void restore_steps_tear_down(void)
{
    backup_steps_tear_down();
}

void back_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
    renew_result();
}

void restore(void)
{
    struct error err = {0};
    renew_result();
    enum status status = restore_run(&plan, &result, &err);
    cr_assert(eq(int, (int)status, STATUS_OK), "%s\n%s", err.text, details());
    cr_assert(eq(i64, result.bytes_done, result.bytes_total));
}

void fail_restore(enum status wanted, const char *reason)
{
    struct error err = {0};
    renew_result();
    enum status status = restore_run(&plan, &result, &err);
    cr_assert(eq(int, (int)status, (int)wanted), "%s\n%s", err.text, details());
    cr_assert(eq(str, err.reason, (char *)(uintptr_t)reason), "%s", err.text);
}

const char *details(void)
{
    return details_of(result.state_details);
}

void expect_output(const char *expected, const char *shell)
{
    char *output = scratch_output(&fixture.scratch, "%s", shell);
    cr_assert(eq(str, output, (char *)(uintptr_t)expected), "%s: %s", shell, output);
    free(output);
}

void expect_clean(void)
{
    expect_output("", "ls undo bucket/*/locks 2>/dev/null | grep -v ':$' | tr -d '\\n'; "
                      "find . -name '.*appbackup*'; true");
}

void die_at(const char *point)
{
    struct error err = {0};
    int status = 0;
    renew_result();
    pid_t pid = fork();
    cr_assert(ge(int, pid, 0));
    if (pid == 0) {
        point_arm(point);
        enum status ended = restore_run(&plan, &result, &err);
        (void)fprintf(stderr, "%s: ended with %d %s\n", point, (int)ended, err.text);
        _exit(1);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    cr_assert(killed, "%s: did not die", point);
}

void flip_a_bit(void)
{
    scratch_shell(&fixture.scratch,
                  "p=$(ls -S bucket/*/data/*/* | head -1) && chmod u+w $p && "
                  "python3 -c \"import sys\nf=open(sys.argv[1],'r+b')\nf.seek(5000000)\n"
                  "b=f.read(1)\nf.seek(5000000)\nf.write(bytes([b[0]^4]))\" $p");
}
