#include "fake_system.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct fake_system_state fake;

static int64_t now(void)
{
    return fake.now_ms;
}

static struct fake_process *process_of(pid_t pid)
{
    int index = pid - FAKE_FIRST_PID;
    cr_assert(index >= 0 && index < fake.process_count, "process %d was never started", (int)pid);
    return &fake.processes[index];
}

static pid_t start_process(void)
{
    if (fake.fork_fails) {
        errno = EAGAIN;
        return -1;
    }
    cr_assert(lt(int, fake.process_count, FAKE_PROCESSES_MAX));
    return FAKE_FIRST_PID + fake.process_count++;
}

static int send_signal(pid_t pid, int number)
{
    cr_assert(lt(int, fake.signal_count, FAKE_SIGNALS_MAX));
    fake.signals[fake.signal_count++] = (struct fake_signal){.pid = pid, .number = number};
    return 0;
}

static pid_t reap(pid_t pid, int *ret_status, int options)
{
    struct fake_process *process = process_of(pid);
    cr_assert(eq(int, options, WNOHANG), "the supervisor waits for nobody");
    cr_assert(not(process->is_reaped), "process %d is reaped twice", (int)pid);
    if (!process->has_ended)
        return 0;
    process->is_reaped = true;
    *ret_status = process->wait_status;
    return pid;
}

void fake_end_process(pid_t pid, int wait_status)
{
    process_of(pid)->has_ended = true;
    process_of(pid)->wait_status = wait_status;
}

int fake_count_signals(pid_t pid, int number)
{
    int count = 0;
    for (int i = 0; i < fake.signal_count; i++)
        count += fake.signals[i].pid == pid && fake.signals[i].number == number;
    return count;
}

/* --- Redis --- */

static enum status answer(struct error *err)
{
    fake.calls++;
    fake.now_ms += fake.delay_ms;
    if (fake.failure == STATUS_OK)
        return STATUS_OK;
    return FAIL(err, fake.failure, "as the test wants it");
}

static void keep_progress(int64_t lease_ms, const struct store_progress *progress)
{
    fake.lease_ms = lease_ms;
    fake.progress = *progress;
    (void)snprintf(fake.stage, sizeof(fake.stage), "%s",
                   progress->stage == NULL ? "" : progress->stage);
}

static enum status renew(struct store *store, const struct job *job, int64_t lease_ms,
                         const struct store_progress *progress, enum store_lease *ret_lease,
                         struct error *err)
{
    (void)store;
    (void)job;
    fake.renewals++;
    keep_progress(lease_ms, progress);
    *ret_lease = fake.lease_answer;
    return answer(err);
}

static enum status advance(struct store *store, const struct job *job, enum backup_state state,
                           int64_t lease_ms, const struct store_progress *progress,
                           enum store_lease *ret_lease, struct error *err)
{
    (void)store;
    (void)job;
    fake.advances++;
    fake.advanced_to = state;
    keep_progress(lease_ms, progress);
    *ret_lease = fake.lease_answer;
    return answer(err);
}

static enum status register_node(struct store *store, const struct node_config *node,
                                 const char *worker, bool is_anew, struct error *err)
{
    (void)store;
    (void)node;
    (void)worker;
    (void)is_anew;
    fake.registrations++;
    return answer(err);
}

static enum status get_job(struct store *store, const char *id, struct job *ret_job,
                           struct error *err)
{
    (void)store;
    if (answer(err) != STATUS_OK)
        return err->status;
    *ret_job = (struct job){.kills = fake.job_kills};
    (void)snprintf(ret_job->id, sizeof(ret_job->id), "%s", id);
    memcpy(ret_job->stage, fake.job_stage, sizeof(ret_job->stage));
    return STATUS_OK;
}

static enum status claim(struct store *store, const char *node, const char *worker,
                         const struct store_claim_terms *terms, struct job *ret_job,
                         bool *ret_found, struct error *err)
{
    (void)store;
    (void)node;
    (void)worker;
    (void)terms;
    if (answer(err) != STATUS_OK)
        return err->status;
    *ret_found = fake.waiting > 0;
    if (fake.waiting == 0)
        return STATUS_OK;
    fake.waiting--;
    fake.claims++;
    *ret_job = (struct job){.kind = JOB_PRUNE, .epoch = fake.claims};
    (void)snprintf(ret_job->id, sizeof(ret_job->id), "00000000-0000-4000-8000-%012d", fake.claims);
    return STATUS_OK;
}

static enum status finish(struct store *store, const struct job *job,
                          const struct store_finish *how, struct error *err)
{
    (void)store;
    (void)job;
    fake.finishes++;
    fake.finished_as = how->outcome;
    fake.finish_delay_ms = how->delay_ms;
    fake.finish_progress = how->progress;
    (void)snprintf(fake.evidence, sizeof(fake.evidence), "%s", how->reason);
    if (fake.finish_failure != STATUS_OK &&
        (fake.finish_failures == 0 || fake.finishes <= fake.finish_failures))
        return FAIL(err, fake.finish_failure, "as the test wants it");
    return answer(err);
}

static enum status die(struct store *store, const struct job *job, const struct store_death *death,
                       enum store_verdict *ret_verdict, struct error *err)
{
    (void)store;
    (void)job;
    fake.deaths++;
    fake.finish_delay_ms = death->delay_ms;
    (void)snprintf(fake.evidence, sizeof(fake.evidence), "%s", death->evidence);
    *ret_verdict = fake.verdict;
    return answer(err);
}

static enum status sweep(struct store *store, int64_t kills_max, struct error *err)
{
    (void)store;
    (void)kills_max;
    fake.sweeps++;
    return answer(err);
}

static enum status heartbeat(struct store *store, const char *node, int64_t running,
                             struct error *err)
{
    (void)store;
    (void)node;
    fake.heartbeats++;
    fake.heartbeat_running = running;
    return answer(err);
}

static enum status queue_maintenance(struct store *store, const char *node,
                                     const struct store_maintenance *maintenance,
                                     int64_t *ret_number, struct error *err)
{
    (void)store;
    (void)node;
    (void)maintenance;
    *ret_number = 0;
    return answer(err);
}

static void pass_time(int64_t ms)
{
    fake.now_ms += ms;
}

const struct worker_system fake_system = {
    .now_ms = now,
    .pause = pass_time,
    .fork = start_process,
    .kill = send_signal,
    .waitpid = reap,
    .register_node = register_node,
    .job_get = get_job,
    .job_claim = claim,
    .job_renew = renew,
    .job_advance = advance,
    .job_finish = finish,
    .job_died = die,
    .sweep = sweep,
    .node_heartbeat = heartbeat,
    .maintenance_queue = queue_maintenance,
};
