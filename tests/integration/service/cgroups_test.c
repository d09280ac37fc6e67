/* On the real cgroup v2 of this machine. Where there is none that may be written to (a container),
 * there is nothing to test. */
#include "service/cgroups.h"

#include "core/clock.h"
#include "core/file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static const struct cgroup_limits limits = {
    .cpu_weight = 50, .io_weight = 60, .memory_high_bytes = 1 << 28};

static char own[PATH_MAX / 2];    /* the group that this process came from; "" for none */
static char group[PATH_MAX - 64]; /* the test's */

static bool write_to(const char *directory, const char *file, const char *text)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, file);
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool find_own(void)
{
    char line[PATH_MAX / 4];
    FILE *table = fopen("/proc/self/cgroup", "re");
    while (table != NULL && fgets(line, sizeof(line), table) != NULL) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        bool is_alone = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0;
        (void)snprintf(own, sizeof(own), "/sys/fs/cgroup%s%s", is_alone ? "" : "/unified",
                       line + 3);
    }
    if (table != NULL)
        (void)fclose(table);
    return own[0] != '\0';
}

static void set_up(void)
{
    (void)signal(SIGALRM, SIG_DFL);
    if (!find_own())
        return;
    (void)snprintf(group, sizeof(group), "%s/appbackup-test.%d", own, (int)getpid());
    if (mkdir(group, 0755) != 0 || !write_to(group, "cgroup.procs", "0"))
        group[0] = '\0';
}

static bool remove_group(const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", group, name);
    return rmdir(path) == 0 || errno == ENOENT;
}

static void tear_down(void)
{
    if (group[0] == '\0')
        return;
    (void)write_to(own, "cgroup.procs", "0");
    cr_expect(remove_group("supervisor"));
    cr_expect(remove_group(""));
}

TestSuite(cgroups, .init = set_up, .fini = tear_down);

static void delegate(void)
{
    cr_assert(setxattr(group, "trusted.delegate", "1", 1, 0) == 0);
}

static struct cgroups *open_groups(void)
{
    struct cgroups *cgroups = NULL;
    struct error err = {0};
    cr_assert(eq(int, (int)cgroups_open(&cgroups, &err), (int)STATUS_OK), "%s", err.text);
    return cgroups;
}

static bool exists(const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", group, name);
    return access(path, F_OK) == 0;
}

/* A process of that group, with a child that has left it by all means but the group. Returns the
 * reading end of a pipe that ends when both are gone. */
static int start_runaway(const struct cgroups *cgroups, const char *name)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    CLEANUP(fd_closep) int entry = cgroups_make(cgroups, name, &limits);
    pid_t pid = fork();
    if (pid == 0) {
        cgroups_enter(entry);
        if (fork() == 0) {
            (void)setsid();
            (void)signal(SIGTERM, SIG_IGN);
            if (write(ends[1], "x", 1) != 1)
                _exit(1);
            for (;;)
                (void)pause();
        }
        _exit(0);
    }
    (void)close(ends[1]);
    char byte;
    cr_assert(read(ends[0], &byte, 1) == 1, "it runs");
    cr_assert(waitpid(pid, NULL, 0) == pid);
    return ends[0];
}

static void expect_end(int fd)
{
    char byte;
    (void)alarm(20); /* a deadline */
    cr_expect(eq(long, read(fd, &byte, 1), 0));
    (void)alarm(0);
    (void)close(fd);
}

static bool is_first(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "first") == 0;
}

static void sweep_until_gone(const struct cgroups *cgroups, cgroups_used_fn *is_used,
                             const char *name)
{
    int64_t deadline_ms = clock_mono_ms() + 20000;
    do {
        cgroups_sweep(cgroups, is_used, NULL);
    } while (exists(name) && clock_left_ms(deadline_ms) > 0);
    cr_expect(not(exists(name)));
}

Test(cgroups, do_nothing_where_nothing_is_delegated)
{
    if (group[0] == '\0')
        cr_skip_test("no writable cgroup v2");
    struct cgroups *cgroups = open_groups();

    cr_assert(cgroups == NULL);
    cr_expect(eq(int, cgroups_make(cgroups, "first", &limits), -1));
    cgroups_enter(-1);
    cgroups_kill(cgroups, "first");
    cgroups_sweep(cgroups, NULL, NULL);
    struct cgroup_usage usage;
    cr_expect(not(cgroups_usage(cgroups, "first", &usage)));
    cgroups_close(cgroups);
    cr_expect(not(exists("supervisor")));
}

Test(cgroups, end_with_all_that_is_in_them)
{
    if (group[0] == '\0')
        cr_skip_test("no writable cgroup v2");
    delegate();
    CLEANUP(cgroups_closep) struct cgroups *cgroups = open_groups();
    cr_assert(cgroups != NULL);
    cr_expect(exists("supervisor"));
    int first = start_runaway(cgroups, "first");
    int second = start_runaway(cgroups, "second");

    cgroups_kill(cgroups, "first");
    expect_end(first);
    sweep_until_gone(cgroups, is_first, "job-second"); /* nobody uses it: killed as well */
    expect_end(second);
    cr_expect(exists("job-first")); /* in use, though empty */
    sweep_until_gone(cgroups, NULL, "job-first");
}

Test(cgroups, count_what_was_used_in_them)
{
    if (group[0] == '\0')
        cr_skip_test("no writable cgroup v2");
    delegate();
    CLEANUP(cgroups_closep) struct cgroups *cgroups = open_groups();
    CLEANUP(fd_closep) int entry = cgroups_make(cgroups, "busy", &limits);
    pid_t pid = fork();
    if (pid == 0) {
        cgroups_enter(entry);
        while (clock() < CLOCKS_PER_SEC / 10) {
        }
        _exit(0);
    }
    cr_assert(waitpid(pid, NULL, 0) == pid);

    struct cgroup_usage usage = {0};
    cr_expect(cgroups_usage(cgroups, "busy", &usage));
    cr_expect(usage.cpu_ms > 0 && usage.cpu_ms < 60000);
    cr_expect(usage.memory_peak_bytes == -1 || usage.memory_peak_bytes > 0);
    cr_expect(not(cgroups_usage(cgroups, "none", &usage)));
    sweep_until_gone(cgroups, NULL, "job-busy");
}

Test(cgroups, have_the_weights_that_the_kernel_lets_them_have)
{
    if (group[0] == '\0')
        cr_skip_test("no writable cgroup v2");
    delegate();
    CLEANUP(cgroups_closep) struct cgroups *cgroups = open_groups();
    CLEANUP(fd_closep) int entry = cgroups_make(cgroups, "weighed", &limits);

    cr_expect(entry >= 0);
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/job-weighed/cpu.weight", group);
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[8] = "50\n"; /* without the controller there is no such file */
    cr_expect(fd < 0 || read(fd, text, sizeof(text) - 1) > 0);
    cr_expect(eq(str, text, "50\n"));
    sweep_until_gone(cgroups, NULL, "job-weighed");
}
