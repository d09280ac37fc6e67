/* Real processes. As root, since commands run as other users. */
#include "core/child.h"

#include "core/cancel.h"
#include "core/clock.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static struct error err;
static struct child_result result;

/* sh -c script, with an environment of nothing but PATH. */
static enum status run_shell(const char *script, struct child_command command)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    command.argv = argv;
    if (command.environment == NULL)
        command.environment = environment;
    if (command.timeout_ms == 0)
        command.timeout_ms = PATIENCE_MS;
    return child_run(&command, &result, &err);
}

#define RUN(script, ...) run_shell((script), (struct child_command){.argv = NULL, __VA_ARGS__})

static bool wait_until(bool (*holds)(const void *context), const void *context)
{
    int64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;
    while (!holds(context)) {
        if (clock_left_ms(deadline_ms) == 0)
            return false;
        (void)usleep(5000);
    }
    return true;
}

/* Gone, or a zombie that its new parent has not collected yet. */
static bool is_dead(const void *context)
{
    const pid_t *pid = context;
    char path[64], stat[256] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)*pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return true;
    bool read = fgets(stat, sizeof(stat), file) != NULL;
    (void)fclose(file);
    const char *after_name = strrchr(stat, ')');
    return !read || after_name == NULL || after_name[2] == 'Z' || after_name[2] == 'X';
}

static bool exists(const void *context)
{
    return access(context, F_OK) == 0;
}

static pid_t pid_in(const struct scratch *scratch, const char *name)
{
    char text[32];
    scratch_read(scratch, name, text, sizeof(text));
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    cr_assert(pid > 1, "no process id in '%s'", name);
    return pid;
}

static int count_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(child_run, gives_the_exit_code_and_the_output_of_both_streams)
{
    cr_assert(eq(int, (int)RUN("echo out; echo err >&2; exit 3"), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, result.exit_code, 3));
    cr_expect(eq(int, result.signal, 0));
    cr_expect(not(child_succeeded(&result)));
    cr_expect(eq(str, result.output, "out\nerr\n"));
    cr_expect(eq(sz, result.output_len, 8));
}

Test(child_run, succeeds_with_exit_code_0)
{
    cr_assert(eq(int, (int)RUN("exit 0"), STATUS_OK), "%s", err.text);

    cr_expect(child_succeeded(&result));
    cr_expect(eq(str, result.output, ""));
}

Test(child_run, tells_a_death_by_signal_from_an_exit)
{
    cr_assert(eq(int, (int)RUN("kill -9 $$"), STATUS_OK), "%s", err.text);

    cr_expect(eq(int, result.exit_code, -1));
    cr_expect(eq(int, result.signal, SIGKILL));
    cr_expect(not(child_succeeded(&result)));
}

Test(child_run, keeps_the_last_bytes_of_a_long_output)
{
    cr_assert(eq(int, (int)RUN("head -c 1048576 /dev/zero | tr '\\0' x; echo END"), STATUS_OK));

    cr_expect(eq(int, result.exit_code, 0));
    cr_expect(eq(sz, result.output_len, CHILD_OUTPUT_MAX));
    cr_expect(eq(sz, strlen(result.output), CHILD_OUTPUT_MAX));
    cr_expect(eq(sz, strspn(result.output, "x"), CHILD_OUTPUT_MAX - 4));
    cr_expect(eq(str, result.output + CHILD_OUTPUT_MAX - 4, "END\n"));
}

Test(child_run, keeps_the_order_of_many_small_writes)
{
    cr_assert(eq(int, (int)RUN("seq 1 5000"), STATUS_OK));

    cr_expect(eq(sz, result.output_len, CHILD_OUTPUT_MAX));
    int expected = 5000;
    char *line = result.output + CHILD_OUTPUT_MAX;
    while (expected > 4200) {
        char text[16];
        int len = snprintf(text, sizeof(text), "%d\n", expected--);
        line -= len;
        cr_assert(memcmp(line, text, (size_t)len) == 0, "before %d", expected);
    }
}

Test(child_run, gives_no_input_and_no_descriptor_but_the_three)
{
    int extra[3] = {open("/dev/null", O_RDONLY), open("/dev/null", O_WRONLY), -1};
    extra[2] = fcntl(extra[0], F_DUPFD, 200); /* none of them close-on-exec */

    cr_assert(eq(int, (int)RUN("cat; ls /proc/self/fd | tr '\\n' ' '"), STATUS_OK));

    cr_expect(eq(str, result.output, "0 1 2 3 "), "3 is that of ls itself");
    for (int i = 0; i < 3; i++)
        (void)close(extra[i]);
}

Test(child_run, works_for_a_caller_without_stdin_and_stdout)
{
    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);

    cr_assert(eq(int, (int)RUN("cat; echo out; echo err >&2"), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, result.output, "out\nerr\n"));
}

Test(child_run, passes_the_given_environment_and_nothing_else)
{
    (void)setenv("LEAKED", "1", 1);
    const char *const environment[] = {"PATH=/usr/bin:/bin", "ODD=a b=c", NULL};
    const char *argv[] = {"env", NULL};
    struct child_command command = {
        .argv = argv, .environment = environment, .timeout_ms = PATIENCE_MS};

    cr_assert(eq(int, (int)child_run(&command, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, result.output, "PATH=/usr/bin:/bin\nODD=a b=c\n"));
}

Test(child_run, starts_in_the_root_directory_or_the_given_one)
{
    cr_assert(eq(int, (int)RUN("pwd"), STATUS_OK));
    cr_expect(eq(str, result.output, "/\n"));

    cr_assert(eq(int, (int)RUN("pwd", .directory = "/usr/bin"), STATUS_OK));
    cr_expect(eq(str, result.output, "/usr/bin\n"));
}

Test(child_run, leaves_no_descriptor_open)
{
    int before = count_descriptors();

    for (int i = 0; i < 5; i++)
        cr_assert(eq(int, (int)RUN("true"), STATUS_OK));
    cr_expect(eq(int, (int)RUN("true", .directory = "/nonexistent"), STATUS_NOT_FOUND));
    cr_expect(eq(int, (int)RUN("true", .user = "no-such-user"), STATUS_NOT_FOUND));

    cr_expect(eq(int, count_descriptors(), before));
    cr_expect(eq(int, waitpid(-1, NULL, WNOHANG), -1), "a child was not collected");
}

static const struct missing {
    const char *name;
    enum status status;
} missing[] = {
    {"/nonexistent/command", STATUS_NOT_FOUND},
    {"no-such-command", STATUS_NOT_FOUND},
    {"", STATUS_NOT_FOUND},
    {"/etc", STATUS_FORBIDDEN},
    {"/etc/passwd", STATUS_FORBIDDEN},
};

ParameterizedTestParameters(child_run, says_why_a_command_cannot_start)
{
    static size_t indices[sizeof(missing) / sizeof(missing[0])];
    size_t count = sizeof(missing) / sizeof(missing[0]);
    for (size_t i = 0; i < count; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, count);
}

ParameterizedTest(size_t *index, child_run, says_why_a_command_cannot_start)
{
    const struct missing *row = &missing[*index];
    const char *argv[] = {row->name, NULL};
    struct child_command command = {.argv = argv, .timeout_ms = PATIENCE_MS};

    enum status status = child_run(&command, &result, &err);

    cr_expect(eq(int, (int)status, (int)row->status), "'%s': %s", row->name, err.text);
    cr_expect(strstr(err.text, row->name) != NULL, "%s", err.text);
}

Test(child_run, refuses_a_file_that_is_no_program)
{
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_write(&scratch, "script", "echo no first line\n", 0755);
    const char *argv[] = {scratch_path(&scratch, "script"), NULL};
    struct child_command command = {.argv = argv, .timeout_ms = PATIENCE_MS};

    cr_expect(eq(int, (int)child_run(&command, &result, &err), STATUS_INVALID), "%s", err.text);

    scratch_close(&scratch);
}

Test(child_run, finds_a_command_in_the_path_of_its_environment)
{
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_shell(&scratch,
                  "mkdir bin; printf '#!/bin/sh\\necho mine\\n' >bin/ls; chmod 755 bin/ls");
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "PATH=:relative:%s/bin:/bin", scratch.path);
    const char *argv[] = {"ls", NULL};
    const char *const environment[] = {path, NULL};
    struct child_command command = {
        .argv = argv, .environment = environment, .timeout_ms = PATIENCE_MS};

    cr_assert(eq(int, (int)child_run(&command, &result, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(str, result.output, "mine\n"));

    scratch_close(&scratch);
}

Test(child_run, becomes_the_user_with_exactly_its_groups)
{
    cr_assert(eq(int,
                 (int)RUN("id -u; id -g; id -G; cat /proc/self/status | grep -c CapEff:.*[1-9a-f]",
                          .user = "nobody"),
                 STATUS_OK),
              "%s", err.text);

    const struct passwd *nobody = getpwnam("nobody");
    cr_assert(nobody != NULL);
    char expected[128];
    (void)snprintf(expected, sizeof(expected), "%u\n%u\n%u\n0\n", nobody->pw_uid, nobody->pw_gid,
                   nobody->pw_gid);
    cr_expect(eq(str, result.output, expected));
}

Test(child_run, gives_a_user_its_supplementary_groups)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char *expected = scratch_output(&scratch, "id -G www-data; id -G root; id -G games");

    char output[3 * CHILD_OUTPUT_MAX] = "";
    static const char *const users[] = {"www-data", "root", "games"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert(eq(int, (int)RUN("id -G", .user = users[i]), STATUS_OK), "%s", err.text);
        (void)strcat(output, result.output);
    }

    output[strlen(output) - 1] = '\0';
    cr_expect(eq(str, output, expected));
    free(expected);
    scratch_close(&scratch);
}

Test(child_run, cannot_become_another_user_without_the_right)
{
    struct passwd *nobody = getpwnam("nobody");
    cr_assert(nobody != NULL && setresuid(nobody->pw_uid, nobody->pw_uid, nobody->pw_uid) == 0);

    cr_expect(eq(int, (int)RUN("id -u", .user = "root"), STATUS_FORBIDDEN), "%s", err.text);
    cr_expect(eq(int, (int)RUN("id -u", .user = "nobody"), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, (int)strtol(result.output, NULL, 10), (int)nobody->pw_uid));
    (void)prctl(PR_SET_DUMPABLE, 1); /* which the leak check needs, and another user takes away */
}

Test(child_run, ends_the_whole_group_at_the_deadline)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char script[PATH_MAX + 256];
    (void)snprintf(
        script, sizeof(script),
        "cd '%s'; trap '' TERM; echo before;"
        " (trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >grandchild; sleep 600 & wait')& "
        "echo $$ >child; sleep 600 & wait; sleep 600",
        scratch.path);

    cr_assert(eq(int, (int)RUN(script, .timeout_ms = 2000, .grace_ms = 300), STATUS_OK), "%s",
              err.text);

    cr_expect(result.timed_out);
    cr_expect(not(child_succeeded(&result)));
    cr_expect(eq(int, result.signal, SIGKILL));
    cr_expect(eq(str, result.output, "before\n"));
    cr_expect(ge(i64, result.duration_ms, 2300));
    pid_t child = pid_in(&scratch, "child"), grandchild = pid_in(&scratch, "grandchild");
    cr_expect(wait_until(is_dead, &child));
    cr_expect(wait_until(is_dead, &grandchild));
    scratch_close(&scratch);
}

Test(child_run, lets_a_command_clean_up_after_sigterm)
{
    cr_assert(eq(int,
                 (int)RUN("trap 'echo thawed; exit 0' TERM; echo frozen; sleep 600 & wait",
                          .timeout_ms = 2000, .grace_ms = PATIENCE_MS),
                 STATUS_OK));

    cr_expect(result.timed_out);
    cr_expect(not(child_succeeded(&result)), "it came too late, although its exit code is 0");
    cr_expect(eq(int, result.exit_code, 0));
    cr_expect(eq(str, result.output, "frozen\nthawed\n"));
    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS), "nobody waited for the rest of the grace");
}

/* The shell dies of SIGTERM at once; what it started must not lose its grace by that. */
Test(child_run, gives_the_children_of_a_dead_shell_their_grace)
{
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_write(&scratch, "worker",
                  "trap 'i=0; while [ $i -lt 20 ]; do sleep 0.02; i=$((i+1)); done; echo clean;"
                  " exit' TERM; echo ready; while :; do sleep 0.01; done\n",
                  0644);
    char script[PATH_MAX + 64];
    (void)snprintf(script, sizeof(script), "sh '%s/worker' & wait", scratch.path);

    cr_assert(eq(int, (int)RUN(script, .timeout_ms = 2000, .grace_ms = PATIENCE_MS), STATUS_OK));

    cr_expect(eq(int, result.signal, SIGTERM));
    cr_expect(strstr(result.output, "ready\n") != NULL);
    cr_expect(strstr(result.output, "clean\n") != NULL, "%s", result.output);
    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS));
    scratch_close(&scratch);
}

Test(child_run, ends_a_stopped_command)
{
    cr_assert(eq(int, (int)RUN("kill -STOP $$; echo no", .timeout_ms = 300), STATUS_OK));

    cr_expect(result.timed_out);
    cr_expect(eq(int, result.signal, SIGTERM));
}

Test(child_run, keeps_its_deadline_while_the_output_floods)
{
    cr_assert(eq(int, (int)RUN("yes", .timeout_ms = 300, .grace_ms = 300), STATUS_OK));

    cr_expect(result.timed_out);
    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS));
    cr_expect(eq(sz, result.output_len, CHILD_OUTPUT_MAX));
}

static struct cancel cancel;

static void *cancel_when_there(void *path)
{
    (void)wait_until(exists, path);
    cancel_request(&cancel, STATUS_LOST);
    return NULL;
}

Test(child_run, ends_on_cancel)
{
    struct scratch scratch;
    scratch_open(&scratch);
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK));
    char script[PATH_MAX + 64], started[PATH_MAX + 16];
    (void)snprintf(script, sizeof(script), "sleep 600 & echo $! >'%s/pid'; : >'%s/started'; wait",
                   scratch.path, scratch.path);
    (void)snprintf(started, sizeof(started), "%s/started", scratch.path);
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, cancel_when_there, started) == 0);

    cr_assert(eq(int, (int)RUN(script, .cancel = &cancel), STATUS_OK), "%s", err.text);

    cr_expect(result.canceled);
    cr_expect(not(result.timed_out));
    cr_expect(not(child_succeeded(&result)));
    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS));
    (void)pthread_join(thread, NULL);
    pid_t pid = pid_in(&scratch, "pid");
    cr_expect(wait_until(is_dead, &pid));
    cancel_done(&cancel);
    scratch_close(&scratch);
}

Test(child_run, does_not_start_what_is_cancelled_already)
{
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK));
    cancel_request(&cancel, STATUS_CANCELED);

    cr_expect(eq(int, (int)RUN("true", .cancel = &cancel), STATUS_CANCELED));

    cancel_done(&cancel);
}

Test(child_run, kills_what_a_command_left_in_the_background)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char script[PATH_MAX + 64];
    (void)snprintf(script, sizeof(script), "sleep 600 & echo $! >'%s/pid'", scratch.path);

    cr_assert(eq(int, (int)RUN(script), STATUS_OK), "%s", err.text);

    cr_expect(child_succeeded(&result));
    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS), "the open pipe was waited for");
    pid_t pid = pid_in(&scratch, "pid");
    cr_expect(wait_until(is_dead, &pid));
    scratch_close(&scratch);
}

Test(child_run, leaves_the_background_of_a_success_alone_if_told)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char script[PATH_MAX + 128];
    (void)snprintf(script, sizeof(script), "sleep 600 & echo $! >'%s/pid'; echo held",
                   scratch.path);

    cr_assert(eq(int, (int)RUN(script, .leave_group = true), STATUS_OK), "%s", err.text);

    cr_expect(eq(str, result.output, "held\n"));
    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS), "the open pipe was waited for");
    pid_t pid = pid_in(&scratch, "pid");
    cr_expect(not(is_dead(&pid)));
    (void)kill(pid, SIGKILL);

    (void)strcat(script, "; exit 1");
    cr_assert(eq(int, (int)RUN(script, .leave_group = true), STATUS_OK), "%s", err.text);
    pid = pid_in(&scratch, "pid");
    cr_expect(wait_until(is_dead, &pid), "that of a failure is killed");
    scratch_close(&scratch);
}

Test(child_run, stops_reading_a_background_that_never_stops_writing)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char script[PATH_MAX + 64];
    (void)snprintf(script, sizeof(script), "yes & echo $! >'%s/pid'", scratch.path);

    cr_assert(eq(int, (int)RUN(script, .leave_group = true), STATUS_OK), "%s", err.text);

    cr_expect(lt(i64, result.duration_ms, PATIENCE_MS));
    pid_t pid = pid_in(&scratch, "pid");
    cr_expect(wait_until(is_dead, &pid), "SIGPIPE ends it");
    scratch_close(&scratch);
}

Test(child_run, starts_with_standard_signal_handling)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);

    cr_assert(eq(int, (int)RUN("grep -E 'Sig(Blk|Ign)' /proc/self/status"), STATUS_OK));

    cr_expect(eq(str, result.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
    sigset_t now;
    (void)sigprocmask(SIG_SETMASK, NULL, &now);
    cr_expect(sigismember(&now, SIGTERM) == 1, "the caller's own mask is what it was");
}

static atomic_bool stop_allocating;

static void *allocate(void *unused)
{
    while (!atomic_load(&stop_allocating))
        free(calloc(1, 1 + (size_t)random() % 10000));
    return unused;
}

Test(child_run, starts_commands_while_other_threads_hold_locks)
{
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        cr_assert(pthread_create(&threads[i], NULL, allocate, NULL) == 0);

    for (int i = 0; i < 50; i++) {
        cr_assert(eq(int, (int)RUN("exit 7", .user = i % 2 == 0 ? NULL : "nobody"), STATUS_OK));
        cr_assert(eq(int, result.exit_code, 7));
    }

    atomic_store(&stop_allocating, true);
    for (size_t i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
}

Test(child_run, takes_the_command_along_when_the_caller_is_killed)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char script[PATH_MAX + 64], started[PATH_MAX + 16];
    (void)snprintf(script, sizeof(script),
                   "cd '%s'; echo $$ >pid; : >started; while :; do sleep 0.01; done", scratch.path);
    (void)snprintf(started, sizeof(started), "%s/started", scratch.path);
    static const char *const users[] = {NULL, "nobody"};
    scratch_shell(&scratch, "chmod 777 .");

    for (size_t i = 0; i < 2; i++) {
        pid_t caller = fork();
        if (caller == 0)
            _exit((int)RUN(script, .user = users[i]));
        bool ran = wait_until(exists, started);
        pid_t command = ran ? pid_in(&scratch, "pid") : 0;
        (void)kill(caller, SIGKILL);
        (void)waitpid(caller, NULL, 0);
        cr_assert(ran);
        cr_expect(wait_until(is_dead, &command));
        scratch_shell(&scratch, "rm -f pid started");
    }
    scratch_close(&scratch);
}

Test(child_describe, speaks_to_people)
{
    char text[64];
    struct child_result ended = {.exit_code = 3};
    child_describe(&ended, text, sizeof(text));
    cr_expect(eq(str, text, "exit code 3"));

    struct child_result killed = {.exit_code = -1, .signal = SIGKILL};
    child_describe(&killed, text, sizeof(text));
    cr_expect(eq(str, text, "killed by signal 9"));

    struct child_result late = {
        .exit_code = -1, .signal = SIGTERM, .timed_out = true, .timeout_ms = 1500};
    child_describe(&late, text, sizeof(text));
    cr_expect(eq(str, text, "no end after 1500 ms"));

    struct child_result stopped = {.exit_code = 0, .canceled = true, .duration_ms = 40};
    child_describe(&stopped, text, sizeof(text));
    cr_expect(eq(str, text, "ended on request after 40 ms"));
}
