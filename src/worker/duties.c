#include "core/clock.h"
#include "core/log.h"
#include "job_log.h"
#include "model/event.h"
#include "supervisor.h"

#include <stdio.h>
#include <string.h>

enum {
    CLAIM_MS = 1000,
    HEARTBEAT_MS = 2000,
    REGISTER_MS = 30000, /* a bucket may have come or gone */
    MAINTAIN_MS = 10000
};

bool supervisor_is_due(const struct supervisor *supervisor, int64_t *deadline_ms, int64_t period_ms)
{
    int64_t now = supervisor->system->now_ms();
    if (now < *deadline_ms)
        return false;
    *deadline_ms = now + period_ms;
    return true;
}

/* The claim of a dead job stays ours while its undo runs: otherwise the lease would end meanwhile,
 * and that would count as a second kill. */
static enum status renew_unwinding(struct supervisor *supervisor, struct error *err)
{
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        const struct slot *slot = &supervisor->slots.items[i];
        if (slot->phase != SLOT_UNWINDING)
            continue;
        enum store_lease answer = STORE_LEASE_OK;
        enum status status = supervisor->system->job_renew(supervisor->store, &slot->job,
                                                           supervisor->node.config->worker.lease_ms,
                                                           &STORE_PROGRESS_NONE, &answer, err);
        if (status_is_transient(status))
            return status;
    }
    return STATUS_OK;
}

enum status supervisor_heartbeat(struct supervisor *supervisor, struct error *err)
{
    if (!supervisor_is_due(supervisor, &supervisor->heartbeat_ms, HEARTBEAT_MS))
        return STATUS_OK;
    supervisor_sweep_groups(supervisor);
    if (renew_unwinding(supervisor, err) != STATUS_OK)
        return error_status(err);
    enum status status =
        supervisor->system->node_heartbeat(supervisor->store, supervisor->node.config->node,
                                           (int64_t)slots_used(&supervisor->slots), err);
    if (status == STATUS_NOT_FOUND) { /* somebody emptied Redis: start anew */
        supervisor->register_ms = 0;
        return STATUS_OK;
    }
    return status;
}

static void start_claimed(struct supervisor *supervisor, struct slot *slot, const struct job *job)
{
    struct error err = {0};
    slot->job = *job;
    struct work_key key;
    supervisor_take_keys(supervisor);
    key_ring_find(supervisor->keys, job->bucket, job->app, &key);
    slot->group = supervisor_make_group(supervisor, job->id);
    enum status status = slot_start_job(slot, supervisor->system, supervisor->program,
                                        supervisor->config_path, &key, &err);
    explicit_bzero(&key, sizeof(key));
    if (status == STATUS_OK) {
        slot->watch = (struct stall_watch){.bytes = -1, .moved_ms = supervisor->system->now_ms()};
        log_event(LOG_LEVEL_INFO, EVENT_JOB_CLAIMED, JOB_FIELDS(job),
                  LOG_NUMBER("epoch", job->epoch), LOG_NUMBER("pid", slot->pid));
        return;
    }
    fd_closep(&slot->group);
    slot->phase = SLOT_TELLING;
    slot->exit = (struct job_exit){.kind = JOB_EXIT_RETURNS};
    (void)snprintf(slot->exit.evidence, sizeof(slot->exit.evidence), "%.150s", err.text);
}

/* Redis knows when maintenance is due; this only asks it to look. */
enum status supervisor_maintain(struct supervisor *supervisor, struct error *err)
{
    const struct config *config = supervisor->node.config;
    if (supervisor->stopping ||
        !supervisor_is_due(supervisor, &supervisor->maintain_ms, MAINTAIN_MS))
        return STATUS_OK;
    const struct store_maintenance when = {
        .prune_after_deletes = config->worker.prune_after_deletes,
        .prune_interval_ms = config->worker.prune_interval_s * 1000,
        .verify_interval_ms = config->worker.verify_interval_s * 1000,
        .verify_sample = config->worker.verify_sample,
    };
    int64_t queued = 0;
    enum status status =
        supervisor->system->maintenance_queue(supervisor->store, config->node, &when, &queued, err);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* the heartbeat sees to that */
}

enum status supervisor_claim(struct supervisor *supervisor, struct error *err)
{
    const struct config *config = supervisor->node.config;
    if (supervisor->stopping || !supervisor_is_due(supervisor, &supervisor->claim_ms, CLAIM_MS))
        return STATUS_OK;
    if (supervisor->system->sweep(supervisor->store, config->worker.kills_max, err) != STATUS_OK)
        return error_status(err);
    const struct store_claim_terms terms = {
        .lease_ms = config->worker.lease_ms,
        .kills_max = config->worker.kills_max,
        .timeout_ms = config->worker.job_timeout_s * 1000,
    };
    while (slots_used(&supervisor->slots) < (size_t)config->worker.slots) {
        struct slot *slot = slots_find_free(&supervisor->slots);
        struct job job = {0};
        bool found = false;
        if (slot == NULL)
            break;
        if (supervisor->system->job_claim(supervisor->store, config->node, supervisor->name, &terms,
                                          &job, &found, err) != STATUS_OK)
            return error_status(err);
        if (!found)
            break;
        start_claimed(supervisor, slot, &job);
    }
    supervisor->pulse.claimed_ms = supervisor->system->now_ms();
    return STATUS_OK;
}

enum status supervisor_register(struct supervisor *supervisor, struct error *err)
{
    bool is_anew = supervisor->register_ms == 0; /* a start, a reload, an emptied Redis */
    if (supervisor->stopping ||
        !supervisor_is_due(supervisor, &supervisor->register_ms, REGISTER_MS))
        return STATUS_OK;
    if (is_anew) {
        helper_ask(&supervisor->helpers[HELPER_PROBE]);
        helper_ask(&supervisor->helpers[HELPER_CATALOG]);
        helper_ask(&supervisor->helpers[HELPER_LEFTOVERS]);
    }
    return supervisor->system->register_node(supervisor->store, &supervisor->node, supervisor->name,
                                             is_anew, err);
}

void supervisor_run_helpers(struct supervisor *supervisor, bool needs_redis)
{
    const struct helper_terms terms = {
        .system = supervisor->system,
        .node = &supervisor->node,
        .slots = &supervisor->slots,
        .cgroups = supervisor->cgroups,
        .needs_redis = needs_redis,
        .stopping = supervisor->stopping,
    };
    helpers_run(supervisor->helpers, HELPER_COUNT, &terms);
}

enum status supervisor_run_askers(struct supervisor *supervisor, struct error *err)
{
    (void)err;
    supervisor_run_helpers(supervisor, true);
    return STATUS_OK;
}

/* --- the wake-up channel, which says when a claim may find something --- */

void supervisor_open_wake(struct supervisor *supervisor)
{
    if (supervisor->wake != NULL || supervisor->stopping || supervisor->away ||
        !supervisor_is_due(supervisor, &supervisor->wake_ms, SUPERVISOR_RETRY_MS))
        return;
    struct store_options options = node_config_store_options(&supervisor->node);
    struct error err = {0};
    if (store_wake_open(&options, supervisor->node.config->node, &supervisor->wake, &err) !=
        STATUS_OK)
        log_text(LOG_LEVEL_WARNING, "no wake-ups, looking for work every second",
                 LOG_TEXT("reason", err.text));
    supervisor->claim_ms = 0; /* what was queued before we listened */
}

void supervisor_close_wake(struct supervisor *supervisor)
{
    store_wake_close(supervisor->wake);
    supervisor->wake = NULL;
}

void supervisor_on_wake(struct supervisor *supervisor)
{
    bool woken = false;
    struct error err = {0};
    if (store_wake_drain(supervisor->wake, &woken, &err) != STATUS_OK)
        supervisor_close_wake(supervisor);
    else if (woken)
        supervisor->claim_ms = 0;
}
