#include "core/child.h"

#include "child_start.h"
#include "core/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    KILL_MS = 5000, /* how long SIGKILL may take; longer is a process that hangs in the kernel */
    READ_STEP = 16 * 1024
};

enum watch_phase { WATCH_RUNNING, WATCH_TERMINATED, WATCH_KILLED };

/* A process on its way to its end, which comes by itself or in three steps: the deadline or the
 * cancel, SIGTERM, SIGKILL. */
struct watch {
    const struct child_command *command;
    struct child_process process;
    struct child_result *result;
    enum watch_phase phase;
    int64_t deadline_ms; /* of the phase */
    bool ended;          /* it is a zombie: not waited for, so that its group id is still ours */
    bool silent;         /* nobody holds the other end of its output */
};

static void add_output(struct child_result *result, const char *bytes, size_t len)
{
    if (len >= CHILD_OUTPUT_MAX) {
        memcpy(result->output, bytes + len - CHILD_OUTPUT_MAX, CHILD_OUTPUT_MAX);
        result->output_len = CHILD_OUTPUT_MAX;
        return;
    }
    size_t kept = result->output_len;
    if (kept > CHILD_OUTPUT_MAX - len) {
        kept = CHILD_OUTPUT_MAX - len;
        memmove(result->output, result->output + result->output_len - kept, kept);
    }
    memcpy(result->output + kept, bytes, len);
    result->output_len = kept + len;
}

/* One read; false: there is nothing more now, or ever. */
static bool read_output(struct watch *watch)
{
    char bytes[READ_STEP];
    ssize_t got = read(watch->process.output_fd, bytes, sizeof(bytes));
    if (got > 0) {
        add_output(watch->result, bytes, (size_t)got);
        return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
        watch->silent = true;
    return false;
}

static void signal_group(const struct watch *watch, int number)
{
    (void)kill(-watch->process.pid, number); /* fails only if there is nobody left */
}

static int64_t grace_ms(const struct watch *watch)
{
    const struct child_command *command = watch->command;
    if (watch->result->canceled && command->cancel_grace_ms > 0)
        return command->cancel_grace_ms;
    return command->grace_ms > 0 ? command->grace_ms : CHILD_GRACE_MS;
}

static void terminate(struct watch *watch)
{
    signal_group(watch, SIGTERM);
    signal_group(watch, SIGCONT); /* a stopped process would not see the other */
    watch->phase = WATCH_TERMINATED;
    watch->deadline_ms = clock_mono_ms() + grace_ms(watch);
}

static enum status on_deadline(struct watch *watch, struct error *err)
{
    switch (watch->phase) {
    case WATCH_RUNNING:
        watch->result->timed_out = true;
        terminate(watch);
        break;
    case WATCH_TERMINATED:
        signal_group(watch, SIGKILL);
        watch->phase = WATCH_KILLED;
        watch->deadline_ms = clock_mono_ms() + KILL_MS;
        break;
    case WATCH_KILLED:
        return FAIL(err, STATUS_TIMEOUT, "process %d hangs in the kernel and cannot be killed",
                    (int)watch->process.pid);
    }
    return STATUS_OK;
}

static bool is_over(const struct watch *watch)
{
    /* The others in the group keep their grace when the first of them goes (a shell dies of SIGTERM
     * while its child still cleans up), as long as they can be seen: by the output they hold. */
    return watch->ended && (watch->phase != WATCH_TERMINATED || watch->silent);
}

static enum status watch_step(struct watch *watch, struct error *err)
{
    enum { PROCESS, OUTPUT, CANCEL, COUNT };
    const struct cancel *cancel = watch->command->cancel;
    bool listens = cancel != NULL && watch->phase == WATCH_RUNNING;
    struct pollfd waiting[COUNT] = {
        [PROCESS] = {.fd = watch->ended ? -1 : watch->process.pidfd, .events = POLLIN},
        [OUTPUT] = {.fd = watch->silent ? -1 : watch->process.output_fd, .events = POLLIN},
        [CANCEL] = {.fd = listens ? cancel->fd : -1, .events = POLLIN},
    };
    if (poll(waiting, COUNT, clock_left_ms(watch->deadline_ms)) < 0 && errno != EINTR)
        return FAIL_ERRNO(err, "poll");

    if (waiting[OUTPUT].revents != 0)
        (void)read_output(watch);
    if (waiting[PROCESS].revents != 0) {
        watch->ended = true;
    } else if (waiting[CANCEL].revents != 0) {
        watch->result->canceled = true;
        terminate(watch);
    }
    if (!is_over(watch) && clock_left_ms(watch->deadline_ms) == 0)
        return on_deadline(watch, err);
    return STATUS_OK;
}

static void set_exit(struct child_result *result, const siginfo_t *info)
{
    bool by_itself = info->si_code == CLD_EXITED;
    result->exit_code = by_itself ? info->si_status : -1;
    result->signal = by_itself ? 0 : info->si_status;
}

/* What is in the pipe now; a background process may go on filling it, so only once its size. */
static void drain_output(struct watch *watch)
{
    int size = fcntl(watch->process.output_fd, F_GETPIPE_SZ);
    for (int taken = 0; !watch->silent && taken <= size; taken += READ_STEP)
        if (!read_output(watch))
            break;
}

/* The process has ended: learn how, end its group if that must not live on, and let go. */
static enum status conclude(struct watch *watch, struct error *err)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)watch->process.pidfd, &info, WEXITED | WNOWAIT) != 0)
        return FAIL_ERRNO(err, "wait for process %d", (int)watch->process.pid);
    set_exit(watch->result, &info);
    if (!watch->command->leave_group || !child_succeeded(watch->result))
        signal_group(watch, SIGKILL);
    drain_output(watch);
    if (waitid(P_PIDFD, (id_t)watch->process.pidfd, &info, WEXITED) != 0)
        return FAIL_ERRNO(err, "wait for process %d", (int)watch->process.pid);
    return child_was_executed(watch->command, &watch->process, err);
}

static enum status watch_to_the_end(struct watch *watch, struct error *err)
{
    while (!is_over(watch)) {
        if (watch_step(watch, err) != STATUS_OK) {
            signal_group(watch, SIGKILL); /* best effort: it is no longer under control */
            return FAIL_IN(err, "'%s'", watch->command->argv[0]);
        }
    }
    return conclude(watch, err);
}

enum status child_run(const struct child_command *command, struct child_result *ret_result,
                      struct error *err)
{
    assert(command->argv != NULL && command->argv[0] != NULL && command->timeout_ms > 0);
    if (cancel_check(command->cancel, err) != STATUS_OK)
        return error_status(err);

    int64_t started_ms = clock_mono_ms();
    struct child_result result = {.exit_code = -1, .timeout_ms = command->timeout_ms};
    struct watch watch = {
        .command = command, .result = &result, .deadline_ms = started_ms + command->timeout_ms};
    if (child_start(command, &watch.process, err) != STATUS_OK)
        return error_status(err);
    enum status status = watch_to_the_end(&watch, err);
    child_process_done(&watch.process);
    if (status != STATUS_OK)
        return error_status(err);

    result.output[result.output_len] = '\0';
    result.duration_ms = clock_mono_ms() - started_ms;
    *ret_result = result;
    return STATUS_OK;
}

bool child_succeeded(const struct child_result *result)
{
    return result->exit_code == 0 && !result->timed_out && !result->canceled;
}

void child_describe(const struct child_result *result, char *text, size_t size)
{
    if (result->timed_out) {
        (void)snprintf(text, size, "no end after %lld ms", (long long)result->timeout_ms);
    } else if (result->canceled) {
        (void)snprintf(text, size, "ended on request after %lld ms",
                       (long long)result->duration_ms);
    } else if (result->signal != 0) {
        (void)snprintf(text, size, "killed by signal %d", result->signal);
    } else {
        (void)snprintf(text, size, "exit code %d", result->exit_code);
    }
}
