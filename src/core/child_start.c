#include "child_start.h"

#include "core/cleanup.h"
#include "core/user.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { COMMAND_UMASK = 0022 };

/* Where the new process stopped on its way to the command. */
enum start_step {
    START_STEP_SETUP = 1,
    START_STEP_USER,
    START_STEP_DIRECTORY,
    START_STEP_EXECUTE,
};

struct start_report {
    enum start_step step;
    int error_number;
};

/* All that the new process needs, made ready before the fork: a fork of a process with threads may
 * leave locks of malloc or the user database held for ever, so only async-signal-safe calls follow.
 */
struct launch {
    char path[PATH_MAX]; /* of the program */
    char *const *argv;
    char *const *environment;
    const char *directory;
    bool changes_user;
    struct user user;
    gid_t *groups;
    size_t group_count;
    int null_fd, output_fd, report_fd;
    pid_t parent;
};

static void launch_done(struct launch *launch)
{
    free(launch->groups);
    fd_closep(&launch->null_fd);
    fd_closep(&launch->output_fd);
    fd_closep(&launch->report_fd);
}

/* execve(2) wants pointers to char, which it does not write to. */
static char *const *for_execve(const char *const *texts)
{
    char *const *same;
    memcpy(&same, &texts, sizeof(same));
    return same;
}

static const char *search_path(const char *const *environment)
{
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return CHILD_PATH;
}

static bool is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static enum status resolve_program(const char *name, const char *search, char path[PATH_MAX],
                                   struct error *err)
{
    if (strchr(name, '/') != NULL) {
        if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
            return FAIL(err, STATUS_TOO_LARGE, "the path of command '%s'", name);
        return STATUS_OK;
    }
    for (const char *entry = search; *name != '\0' && *entry != '\0';) {
        size_t len = strcspn(entry, ":");
        int wanted = snprintf(path, PATH_MAX, "%.*s/%s", (int)len, entry, name);
        /* An empty or relative entry would mean a directory that nobody has in mind: skipped. */
        if (entry[0] == '/' && wanted < PATH_MAX && is_program(path))
            return STATUS_OK;
        entry += len + (entry[len] == ':');
    }
    return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_UNKNOWN_COMMAND,
                       "there is no command '%s' in %s", name, search);
}

static enum status resolve_user(const char *name, struct launch *launch, struct error *err)
{
    if (name == NULL)
        return STATUS_OK;
    if (user_find(name, &launch->user, err) != STATUS_OK)
        return error_status(err);
    /* Who is not root may not set groups; and needs not, to be who it is. */
    if (geteuid() != 0 && geteuid() == launch->user.uid)
        return STATUS_OK;
    launch->changes_user = true;
    return user_groups(&launch->user, &launch->groups, &launch->group_count, err);
}

/* 0 to 2 are overwritten in the new process: what it needs must lie above, even if the caller runs
 * without a stdin. */
static int keep_clear_of_stdio(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return moved;
}

/* The reading end does not block, the writing end is the command's own business. */
static enum status open_pipe(int *ret_read, int *ret_write, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return FAIL_ERRNO(err, "pipe");
    CLEANUP(fd_closep) int read_end = keep_clear_of_stdio(ends[0]);
    CLEANUP(fd_closep) int write_end = keep_clear_of_stdio(ends[1]);
    if (read_end < 0 || write_end < 0 || fcntl(read_end, F_SETFL, O_NONBLOCK) != 0)
        return FAIL_ERRNO(err, "pipe");
    *ret_read = STEAL_FD(read_end);
    *ret_write = STEAL_FD(write_end);
    return STATUS_OK;
}

static enum status prepare(const struct child_command *command, struct launch *launch,
                           struct child_process *process, struct error *err)
{
    static const char *const nothing[] = {NULL};
    const char *const *environment = command->environment == NULL ? nothing : command->environment;
    launch->argv = for_execve(command->argv);
    launch->environment = for_execve(environment);
    launch->directory = command->directory == NULL ? "/" : command->directory;
    launch->parent = getpid();
    if (resolve_program(command->argv[0], search_path(environment), launch->path, err) != STATUS_OK)
        return error_status(err);
    if (resolve_user(command->user, launch, err) != STATUS_OK)
        return error_status(err);

    launch->null_fd = keep_clear_of_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (launch->null_fd < 0)
        return FAIL_ERRNO(err, "open /dev/null");
    if (open_pipe(&process->output_fd, &launch->output_fd, err) != STATUS_OK)
        return error_status(err);
    return open_pipe(&process->report_fd, &launch->report_fd, err);
}

static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &standard, NULL); /* refused for some, which nobody can change */
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Raw system calls: those of libc ask all threads, and here there are none but us. */
static int become_user(const struct launch *launch)
{
    if (!launch->changes_user)
        return 0;
    uid_t uid = launch->user.uid;
    gid_t gid = launch->user.gid;
    if (syscall(SYS_setgroups, launch->group_count, launch->groups) != 0 ||
        syscall(SYS_setresgid, gid, gid, gid) != 0 || syscall(SYS_setresuid, uid, uid, uid) != 0)
        return -1;
    return 0;
}

static int set_up(const struct launch *launch)
{
    if (setpgid(0, 0) != 0 || dup2(launch->null_fd, STDIN_FILENO) < 0 ||
        dup2(launch->output_fd, STDOUT_FILENO) < 0 || dup2(launch->output_fd, STDERR_FILENO) < 0)
        return -1;
    (void)umask(COMMAND_UMASK); /* ours may be that of somebody with secrets */
    return close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* After a change of user, which clears it; and the parent may have died before it was set. */
static int die_with_parent(const struct launch *launch)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return -1;
    if (getppid() != launch->parent)
        _exit(EXIT_FAILURE);
    return 0;
}

/* Returns only on failure: where it stopped. */
static enum start_step execute(const struct launch *launch)
{
    if (set_up(launch) != 0)
        return START_STEP_SETUP;
    if (become_user(launch) != 0)
        return START_STEP_USER;
    if (die_with_parent(launch) != 0)
        return START_STEP_SETUP;
    if (chdir(launch->directory) != 0)
        return START_STEP_DIRECTORY;
    reset_signals();
    (void)execve(launch->path, launch->argv, launch->environment);
    return START_STEP_EXECUTE;
}

/* All signals are blocked across the fork, so that no handler of ours ever runs in the child. */
static pid_t fork_and_execute(const struct launch *launch)
{
    sigset_t all, previous;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &previous);
    pid_t pid = fork();
    if (pid == 0) {
        struct start_report report = {.step = execute(launch)};
        report.error_number = errno;
        ssize_t written = write(launch->report_fd, &report, sizeof(report));
        _exit(written == (ssize_t)sizeof(report) ? EXIT_FAILURE : EXIT_FAILURE + 1);
    }
    int saved = errno;
    (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
    errno = saved;
    return pid;
}

static enum status start(const struct launch *launch, struct child_process *process,
                         struct error *err)
{
    process->pid = fork_and_execute(launch);
    if (process->pid < 0)
        return FAIL_ERRNO(err, "fork");
    /* By both sides, so that neither has to wait for the other before it signals the group. */
    (void)setpgid(process->pid, process->pid);
    process->pidfd = pidfd_open(process->pid, 0);
    if (process->pidfd < 0) {
        (void)FAIL_ERRNO(err, "pidfd_open");
        (void)kill(process->pid, SIGKILL);
        (void)waitpid(process->pid, NULL, 0);
        return error_status(err);
    }
    return STATUS_OK;
}

enum status child_start(const struct child_command *command, struct child_process *ret_process,
                        struct error *err)
{
    struct launch launch = {.null_fd = -1, .output_fd = -1, .report_fd = -1};
    struct child_process process = {.pidfd = -1, .output_fd = -1, .report_fd = -1};
    enum status status = prepare(command, &launch, &process, err);
    if (status == STATUS_OK)
        status = start(&launch, &process, err);
    launch_done(&launch);
    if (status != STATUS_OK) {
        child_process_done(&process);
        return FAIL_IN(err, "start '%s'", command->argv[0]);
    }
    *ret_process = process;
    return STATUS_OK;
}

enum status child_was_executed(const struct child_command *command,
                               const struct child_process *process, struct error *err)
{
    struct start_report report;
    if (read(process->report_fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
        return STATUS_OK;
    errno = report.error_number;
    switch (report.step) {
    case START_STEP_USER:
        return FAIL_ERRNO(err, "start '%s': become user '%s'", command->argv[0], command->user);
    case START_STEP_DIRECTORY:
        return FAIL_ERRNO(err, "start '%s': go to directory '%s'", command->argv[0],
                          command->directory == NULL ? "/" : command->directory);
    case START_STEP_SETUP:
        return FAIL_ERRNO(err, "start '%s': set up the process", command->argv[0]);
    case START_STEP_EXECUTE:
        break;
    }
    return FAIL_ERRNO(err, "start '%s'", command->argv[0]);
}

void child_process_done(struct child_process *process)
{
    fd_closep(&process->pidfd);
    fd_closep(&process->output_fd);
    fd_closep(&process->report_fd);
    *process = (struct child_process){.pidfd = -1, .output_fd = -1, .report_fd = -1};
}
