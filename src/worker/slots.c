#include "slots.h"

#include "core/cleanup.h"
#include "core/log.h"
#include "job_log.h"
#include "key_ring.h"
#include "model/event.h"
#include "service/cgroups.h"
#include "service/notify.h"
#include "signals.h"
#include "unwind.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 127 };

enum status slots_grow(struct slots *slots, size_t count, struct error *err)
{
    if (count <= slots->count)
        return STATUS_OK;
    struct slot *grown = reallocarray(slots->items, count, sizeof(*grown));
    if (grown == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu slots", count);
    memset(grown + slots->count, 0, (count - slots->count) * sizeof(*grown));
    slots->items = grown;
    slots->count = count;
    return STATUS_OK;
}

void slots_done(struct slots *slots)
{
    free(slots->items);
    *slots = (struct slots){0};
}

size_t slots_used(const struct slots *slots)
{
    size_t used = 0;
    for (size_t i = 0; i < slots->count; i++)
        used += slots->items[i].phase != SLOT_FREE;
    return used;
}

struct slot *slots_find_free(struct slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        if (slots->items[i].phase == SLOT_FREE)
            return &slots->items[i];
    return NULL;
}

/* The ends of pipe and channel that a job process gets of its supervisor. */
struct job_ends {
    int keys, output;
};

/* Turns the new process into a job. The signal mask stays: the job opens it when its handlers are
 * in place, so that a SIGTERM in between is not the end. */
NORETURN static void become_job(const struct slot *slot, const char *program,
                                const char *config_path, const struct job_ends *ends,
                                pid_t supervisor)
{
    char epoch[24];
    char key_fd[24];
    char log_fd[24];
    int log = fcntl(STDERR_FILENO, F_DUPFD, STDERR_FILENO + 1);
    (void)snprintf(epoch, sizeof(epoch), "%lld", (long long)slot->job.epoch);
    (void)snprintf(key_fd, sizeof(key_fd), "%d", ends->keys);
    (void)snprintf(log_fd, sizeof(log_fd), "%d", log);
    const char *const argv[] = {
        "appbackup-worker", "--config", config_path, "--job", slot->job.id, "--epoch", epoch,
        "--keys",           key_fd,     "--log",     log_fd,  NULL};

    cgroups_enter(slot->group);
    notify_disown();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor) /* it died before the line above */
        _exit(EXIT_NOT_STARTED);
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* hiredis' sockets are not close-on-exec */
    (void)fcntl(ends->keys, F_SETFD, 0);
    (void)fcntl(log, F_SETFD, 0);
    if (log < 0 || dup2(ends->output, STDERR_FILENO) < 0)
        _exit(EXIT_NOT_STARTED);
    char *const *arguments; /* execv(3) does not write to them; its type is older than const */
    memcpy(&arguments, &(const void *){argv}, sizeof(arguments));
    (void)execv(program, arguments);
    log_text(LOG_LEVEL_ERROR, "job process not started", JOB_FIELDS(&slot->job),
             LOG_TEXT("program", program), LOG_TEXT("reason", strerror(errno)));
    _exit(EXIT_NOT_STARTED);
}

/* The new process has its own descriptor of the group. */
static void leave_group(struct slot *slot)
{
    fd_closep(&slot->group);
    slot->group = -1;
}

enum status slot_start_job(struct slot *slot, const struct worker_system *system,
                           const char *program, const char *config_path, const struct work_key *key,
                           struct error *err)
{
    int channel[2];
    if (key_channel_open(key, channel, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(fd_closep) int ours = channel[0];
    CLEANUP(fd_closep) int jobs = channel[1];
    CLEANUP(fd_closep) int words = -1;
    if (job_output_open(&slot->output, &words, err) != STATUS_OK)
        return error_status(err);
    pid_t supervisor = getpid();
    pid_t pid = system->fork();
    if (pid < 0) {
        job_output_close(&slot->output);
        return FAIL_ERRNO(err, "fork");
    }
    if (pid == 0)
        become_job(slot, program, config_path, &(struct job_ends){.keys = jobs, .output = words},
                   supervisor);
    leave_group(slot);
    slot->pid = pid;
    slot->keys = STEAL_FD(ours);
    slot->phase = SLOT_RUNNING;
    slot->stopped = false;
    return STATUS_OK;
}

void slot_take_key(const struct slot *slot, struct work_key *ret_key)
{
    key_channel_take(slot->phase == SLOT_RUNNING ? slot->keys : -1, ret_key);
}

NORETURN static void unwind_and_exit(const struct slot *slot,
                                     const struct node_directories *directories)
{
    const char *job = slot->job.id;
    struct error err = {0};
    cgroups_enter(slot->group);
    signals_reset();
    (void)close_range(3, ~0U, 0);
    job_log_begin_unwinding(&slot->job);
    if (unwind_job(directories, job, &err) == STATUS_OK)
        _exit(EXIT_SUCCESS);
    log_event(LOG_LEVEL_ERROR, EVENT_UNWIND_FAILED, LOG_TEXT("code", err.reason),
              LOG_TEXT("reason", err.text));
    _exit(EXIT_FAILURE);
}

enum status slot_start_unwinding(struct slot *slot, const struct worker_system *system,
                                 const struct node_directories *directories, struct error *err)
{
    pid_t pid = system->fork();
    if (pid < 0)
        return FAIL_ERRNO(err, "fork");
    if (pid == 0)
        unwind_and_exit(slot, directories);
    leave_group(slot);
    slot->pid = pid;
    slot->phase = SLOT_UNWINDING;
    return STATUS_OK;
}

bool slot_has_ended(const struct slot *slot, const struct worker_system *system,
                    int *ret_wait_status)
{
    bool has_process = slot->phase == SLOT_RUNNING || slot->phase == SLOT_UNWINDING;
    return has_process && worker_system_reap(system, slot->pid, ret_wait_status);
}
