/*
 * The supervisor's loop. Whatever happens, a child's end, a wake-up, a signal or a timer, one turn
 * of the loop looks at the children, runs the helpers that are due, and catches up with Redis: it
 * does the duties of the table below in their order, as far as each is due. While Redis is away a
 * turn ends at the first call that fails, and the next attempt comes SUPERVISOR_RETRY_MS later.
 */
#include "supervisor.h"

#include "core/clock.h"
#include "core/log.h"
#include "model/event.h"
#include "signals.h"
#include "worker/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    STOP_TELL_MS = 10000, /* after the end of the drain, to unwind and to tell */
    STOP_LOOK_MS = 100
};

/* A duty has failed because of Redis. The log says so once, not with every attempt. */
static void on_store_failure(struct supervisor *supervisor, const char *what,
                             const struct error *err)
{
    if (!supervisor->away)
        log_event(LOG_LEVEL_WARNING, EVENT_REDIS_LOST, LOG_TEXT("at", what),
                  LOG_TEXT("code", err->reason), LOG_TEXT("reason", err->text));
    supervisor_pulse_store(supervisor, err);
    supervisor->away = true;
    supervisor->register_ms = 0; /* it may come back empty */
    supervisor->retry_ms = supervisor->system->now_ms() + SUPERVISOR_RETRY_MS;
}

void supervisor_catch_up(struct supervisor *supervisor)
{
    static const struct {
        const char *name;
        supervisor_duty_fn *run;
    } duties[] = {{"report_ends", supervisor_report_ends}, {"register", supervisor_register},
                  {"helpers", supervisor_run_askers},      {"heartbeat", supervisor_heartbeat},
                  {"maintain", supervisor_maintain},       {"claim", supervisor_claim},
                  {"sample_jobs", supervisor_sample_jobs}};

    if (supervisor->away && supervisor->system->now_ms() < supervisor->retry_ms)
        return;
    for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
        struct error err = {0};
        if (duties[i].run(supervisor, &err) == STATUS_OK)
            continue;
        on_store_failure(supervisor, duties[i].name, &err);
        return;
    }
    if (supervisor->away)
        log_write_message(LOG_LEVEL_NOTICE, event_message(EVENT_REDIS_BACK), NULL, 0);
    supervisor->away = false;
}

void supervisor_stop(struct supervisor *supervisor)
{
    if (!supervisor->stopping) {
        supervisor->stopping = true;
        supervisor->stop_kill_ms =
            supervisor->system->now_ms() + supervisor->node.config->worker.drain_timeout_s * 1000;
        log_event(LOG_LEVEL_NOTICE, EVENT_WORKER_STOPPING,
                  LOG_NUMBER("jobs", (int64_t)slots_used(&supervisor->slots)));
        supervisor_pulse_stop(supervisor);
    }
    supervisor_close_wake(supervisor);
    supervisor_signal_jobs(supervisor, SIGTERM);
}

static void on_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            supervisor_stop(supervisor);
        else if (info.ssi_signo == SIGHUP && !supervisor->stopping)
            supervisor_reload(supervisor);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_ms(const struct supervisor *supervisor)
{
    int64_t next = earlier(supervisor->claim_ms, supervisor->heartbeat_ms);
    if (supervisor->away)
        next = supervisor->retry_ms;
    if (supervisor->stopping) /* no more claims: claim_ms is not moved on */
        next = supervisor->system->now_ms() + STOP_LOOK_MS;
    return next;
}

static enum status wait_for_news(struct supervisor *supervisor, struct error *err)
{
    struct pollfd waiting[2 + SLOTS_MAX] = {
        {.fd = supervisor->signals, .events = POLLIN},
        {.fd = supervisor->wake == NULL ? -1 : store_wake_fd(supervisor->wake), .events = POLLIN},
    };
    nfds_t count = 2;
    for (size_t i = 0; i < supervisor->slots.count && i < SLOTS_MAX; i++) {
        const struct slot *slot = &supervisor->slots.items[i];
        if (slot->phase == SLOT_RUNNING)
            waiting[count++] = (struct pollfd){.fd = slot->output.fd, .events = POLLIN};
    }
    if (poll(waiting, count, clock_left_ms(next_ms(supervisor))) < 0 && errno != EINTR)
        return FAIL_ERRNO(err, "poll");
    if (waiting[1].revents != 0)
        supervisor_on_wake(supervisor);
    if (waiting[0].revents != 0)
        on_signals(supervisor);
    return STATUS_OK;
}

bool supervisor_has_stopped(struct supervisor *supervisor)
{
    if (!supervisor->stopping)
        return false;
    if (slots_used(&supervisor->slots) == 0)
        return true;
    if (supervisor->system->now_ms() >= supervisor->stop_kill_ms)
        supervisor_signal_jobs(supervisor, SIGKILL);
    return supervisor->system->now_ms() >= supervisor->stop_kill_ms + STOP_TELL_MS;
}

static enum status loop(struct supervisor *supervisor, struct error *err)
{
    do {
        int64_t began_ms = supervisor->system->now_ms();
        supervisor_forward_output(supervisor);
        supervisor_reap(supervisor);
        supervisor_run_helpers(supervisor, false);
        supervisor_catch_up(supervisor);
        supervisor_open_wake(supervisor);
        supervisor_pulse_turn(supervisor, began_ms);
        if (supervisor_has_stopped(supervisor))
            break;
    } while (wait_for_news(supervisor, err) == STATUS_OK);
    if (!supervisor->stopping)
        return error_status(err);
    log_event(LOG_LEVEL_NOTICE, EVENT_WORKER_STOPPED,
              LOG_NUMBER("jobs_left", (int64_t)slots_used(&supervisor->slots)));
    return STATUS_OK;
}

static enum status start(struct supervisor *supervisor, struct error *err)
{
    for (size_t i = 0; i < HELPER_COUNT; i++)
        helper_init(&supervisor->helpers[i], &helper_kinds[i]);
    if (node_config_load(supervisor->config_path, &supervisor->node, err) != STATUS_OK)
        return error_status(err);
    const struct config *config = supervisor->node.config;
    enum status alone =
        job_lock_try(&supervisor->lock, supervisor->node.directories.locks, "supervisor", err);
    if (alone == STATUS_LOCKED)
        error_set_code(err, REASON_WORKER_RUNNING);
    if (alone != STATUS_OK)
        return FAIL_IN(err, "another worker runs on state directory '%s'", config->state_directory);
    if (signals_to_descriptor(&supervisor->signals, err) != STATUS_OK)
        return error_status(err);
    if (slots_grow(&supervisor->slots, (size_t)config->worker.slots, err) != STATUS_OK)
        return error_status(err);
    if (cgroups_open(&supervisor->cgroups, err) != STATUS_OK)
        return error_status(err);
    supervisor_sweep_groups(supervisor); /* what a predecessor left */
    if (key_ring_new(&supervisor->keys, err) != STATUS_OK)
        return error_status(err);
    (void)snprintf(supervisor->name, sizeof(supervisor->name), "%.40s:%d:%lld", config->node,
                   (int)getpid(), (long long)clock_wall_ms());
    struct store_options options = node_config_store_options(&supervisor->node);
    if (store_open(&options, &supervisor->store, err) != STATUS_OK)
        return error_status(err);
    log_event(LOG_LEVEL_NOTICE, EVENT_WORKER_STARTED, LOG_TEXT("version", APPBACKUP_VERSION),
              LOG_TEXT("node", config->node), LOG_NUMBER("slots", config->worker.slots),
              LOG_NUMBER("apps", (int64_t)supervisor->node.apps->count));
    return STATUS_OK;
}

static void supervisor_done(struct supervisor *supervisor)
{
    supervisor_close_wake(supervisor);
    store_close(supervisor->store);
    slots_done(&supervisor->slots);
    key_ring_free(supervisor->keys);
    cgroups_close(supervisor->cgroups);
    if (supervisor->signals >= 0)
        (void)close(supervisor->signals);
    job_lock_release(&supervisor->lock);
    node_config_done(&supervisor->node);
}

enum status worker_supervise(const char *program, const char *config_path, struct error *err)
{
    struct supervisor supervisor = {.system = &worker_system,
                                    .program = program,
                                    .config_path = config_path,
                                    .lock = JOB_LOCK_NONE,
                                    .signals = -1};
    enum status status = start(&supervisor, err);
    if (status == STATUS_OK) {
        supervisor_pulse_start(&supervisor);
        status = loop(&supervisor, err);
    }
    supervisor_done(&supervisor);
    return status;
}
