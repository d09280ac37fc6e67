#include "daemon_process.h"

#include "core/clock.h"
#include "core/log.h"
#include "service/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DELAY_MIN_MS = 200,
    DELAY_MAX_MS = 10000,
    SETTLED_MS = 10000, /* who has run that long has not failed at its start */
    EXIT_CANNOT_RUN = 127
};

static void arm(const struct process *process, int64_t delay_ms)
{
    struct timeval delay = {.tv_sec = (time_t)(delay_ms / 1000),
                            .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};
    if (event_add(process->timer, &delay) != 0)
        log_text(LOG_LEVEL_ERROR, "no timer", LOG_TEXT("process", process->name));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct process *process = context;
    struct error err = {.status = STATUS_OK};
    if (process->pid > 0 && process->stopping) {
        log_text(LOG_LEVEL_WARNING, "did not end in time, killing it",
                 LOG_TEXT("process", process->name), LOG_NUMBER("pid", process->pid));
        (void)kill(-process->pid, SIGKILL);
        return;
    }
    if (process->pid == 0 && !process->stopping && process_start(process, &err) != STATUS_OK) {
        log_text(LOG_LEVEL_ERROR, "cannot start", LOG_TEXT("process", process->name),
                 LOG_TEXT("reason", err.text));
        arm(process, DELAY_MAX_MS);
    }
}

enum status process_init(struct process *process, struct event_base *base, struct error *err)
{
    process->delay_ms = DELAY_MIN_MS;
    process->timer = evtimer_new(base, on_timer, process);
    if (process->timer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%s: timer", process->name);
    return STATUS_OK;
}

void process_done(struct process *process)
{
    if (process->pid > 0) {
        (void)kill(-process->pid, SIGKILL);
        (void)waitpid(process->pid, NULL, 0); /* ends soon: nothing survives SIGKILL */
        process->pid = 0;
    }
    if (process->timer != NULL)
        event_free(process->timer);
    process->timer = NULL;
}

/* Not all of the libraries open theirs with O_CLOEXEC. */
static bool keep_only(int kept_fd)
{
    if (kept_fd <= STDERR_FILENO)
        return close_range(STDERR_FILENO + 1, ~0U, 0) == 0;
    unsigned kept = (unsigned)kept_fd;
    return (kept == STDERR_FILENO + 1 || close_range(STDERR_FILENO + 1, kept - 1, 0) == 0) &&
           close_range(kept + 1, ~0U, 0) == 0 && fcntl(kept_fd, F_SETFD, 0) == 0;
}

/* Runs in the child, between fork and exec, and does only what is safe there. */
NORETURN static void become(const struct process *process, pid_t parent)
{
    sigset_t none;
    for (int number = 1; number < SIGRTMIN; number++)
        (void)signal(number, SIG_DFL); /* libevent's handlers would swallow what is meant for us */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    notify_disown();
    (void)setpgid(0, 0); /* a Ctrl-C is the daemon's business, which ends us in order */
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
        !keep_only(process->kept_fd))
        _exit(EXIT_CANNOT_RUN);
    /* If the daemon has died before prctl() its signal never comes: look once more. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(EXIT_CANNOT_RUN);
    char *argv[PROCESS_ARGUMENTS_MAX]; /* execv() promises not to write, but its type does not */
    memcpy(argv, process->argv, sizeof(argv));
    (void)execv(argv[0], argv);
    _exit(EXIT_CANNOT_RUN);
}

enum status process_start(struct process *process, struct error *err)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, &before); /* until become() is ready for them */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(process, parent);
    int cause = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = cause;
    if (pid < 0)
        return FAIL_ERRNO(err, "fork for %s", process->name);
    (void)setpgid(pid, pid); /* here as well: whoever comes first */
    process->pid = pid;
    process->started_mono_ms = clock_mono_ms();
    log_text(LOG_LEVEL_NOTICE, "started", LOG_TEXT("process", process->name),
             LOG_NUMBER("pid", pid));
    return STATUS_OK;
}

void process_signal(const struct process *process, int signal_number)
{
    if (process->pid > 0)
        (void)kill(process->pid, signal_number);
}

bool process_stop(struct process *process, int64_t grace_ms)
{
    process->stopping = true;
    (void)event_del(process->timer);
    if (process->pid == 0)
        return false;
    process_signal(process, SIGTERM);
    arm(process, grace_ms);
    return true;
}

static void describe(int wait_status, char *text, size_t size)
{
    if (WIFSIGNALED(wait_status))
        (void)snprintf(text, size, "killed by signal %d", WTERMSIG(wait_status));
    else if (WEXITSTATUS(wait_status) == EXIT_CANNOT_RUN)
        (void)snprintf(text, size, "exit code 127: it cannot be run");
    else
        (void)snprintf(text, size, "exit code %d", WEXITSTATUS(wait_status));
}

static void plan_restart(struct process *process)
{
    if (clock_mono_ms() - process->started_mono_ms >= SETTLED_MS) {
        process->quick_ends = 0;
        process->delay_ms = DELAY_MIN_MS;
    }
    process->quick_ends++;
    arm(process, process->delay_ms);
    process->delay_ms *= 2;
    if (process->delay_ms > DELAY_MAX_MS)
        process->delay_ms = DELAY_MAX_MS;
}

void process_reap(struct process *process)
{
    int wait_status = 0;
    if (process->pid == 0 || waitpid(process->pid, &wait_status, WNOHANG) != process->pid)
        return;
    char how[64];
    describe(wait_status, how, sizeof(how));
    log_text(process->stopping ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "ended",
             LOG_TEXT("process", process->name), LOG_NUMBER("pid", process->pid),
             LOG_TEXT("how", how));
    process->pid = 0;
    (void)event_del(process->timer);
    if (!process->stopping)
        plan_restart(process);
    process->on_end(process->context, process);
}
