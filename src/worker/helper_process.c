#include "helper_process.h"

#include "core/cleanup.h"
#include "core/log.h"
#include "signals.h"

#include <stdlib.h>
#include <sys/prctl.h>

const struct helper_kind helper_kinds[HELPER_COUNT] = {
    [HELPER_RECOVERY] =
        {
            .name = "recovery",
            .main = helper_recover,
            .routine_ms = HELPER_NEVER,
            .again_ms = HELPER_NEVER,
            .deadline_ms = HELPER_NEVER, /* the hooks of an application may take long */
            .at_start = true,
            .survives = true,
        },
    [HELPER_PROBE] =
        {
            .name = "probe",
            .main = helper_probe_buckets,
            .is_needed = helper_probe_is_needed,
            .routine_ms = 600000, /* each bucket is asked four things */
            .again_ms = 30000,
            .deadline_ms = 300000,
            .needs_redis = true,
        },
    [HELPER_CATALOG] =
        {
            .name = "catalog",
            .main = helper_compare_catalog,
            .routine_ms = HELPER_NEVER,
            .again_ms = 60000,
            .deadline_ms = 600000,
            .needs_redis = true,
        },
    [HELPER_LEFTOVERS] =
        {
            .name = "leftovers",
            .main = helper_clean_leftovers,
            .is_needed = helper_leftovers_may_exist,
            .routine_ms = 10000, /* a job that waits may end without a process */
            .again_ms = 2000,
            .deadline_ms = HELPER_NEVER,
            .at_start = true,
        },
};

static int64_t after(int64_t now_ms, int64_t ms)
{
    return ms == HELPER_NEVER ? HELPER_NEVER : now_ms + ms;
}

void helper_init(struct helper *helper, const struct helper_kind *kind)
{
    *helper = (struct helper){.kind = kind, .due_ms = kind->at_start ? 0 : HELPER_NEVER};
}

void helper_ask(struct helper *helper)
{
    helper->due_ms = 0;
}

NORETURN static void become_helper(const struct helper_kind *kind, const struct node_config *node,
                                   int group, pid_t supervisor)
{
    if (kind->survives) {
        cgroups_enter(group);
    } else {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != supervisor)
            _exit(EXIT_FAILURE);
    }
    signals_reset();
    (void)signal(SIGPIPE, SIG_IGN); /* a server may close what we write to */
    (void)close_range(3, ~0U, 0);   /* the supervisor's connections and locks are not ours */
    _exit(kind->main(node));
}

static int make_group(const struct helper_kind *kind, const struct helper_terms *terms)
{
    if (!kind->survives)
        return -1;
    const struct cgroup_limits limits = node_config_job_limits(terms->node);
    return cgroups_make(terms->cgroups, kind->name, &limits);
}

static enum status start(struct helper *helper, const struct helper_terms *terms, struct error *err)
{
    CLEANUP(fd_closep) int group = make_group(helper->kind, terms);
    pid_t supervisor = getpid();
    pid_t pid = terms->system->fork();
    if (pid < 0)
        return FAIL_ERRNO(err, "fork");
    if (pid == 0)
        become_helper(helper->kind, terms->node, group, supervisor);
    helper->pid = pid;
    return STATUS_OK;
}

static void start_if_due(struct helper *helper, const struct helper_terms *terms)
{
    const struct helper_kind *kind = helper->kind;
    int64_t now_ms = terms->system->now_ms();
    if (terms->stopping || helper->pid > 0 || now_ms < helper->due_ms)
        return;
    helper->due_ms = after(now_ms, kind->routine_ms);
    if (kind->is_needed != NULL && !kind->is_needed(terms->node, terms->slots))
        return;
    helper->kill_ms = after(now_ms, kind->deadline_ms);
    struct error err = {0};
    if (start(helper, terms, &err) == STATUS_OK)
        return;
    log_text(LOG_LEVEL_WARNING, "helper process not started, trying again",
             LOG_TEXT("helper", kind->name), LOG_TEXT("reason", err.text));
    helper->due_ms = now_ms + HELPER_START_AGAIN_MS;
}

void helpers_run(struct helper *helpers, size_t count, const struct helper_terms *terms)
{
    for (size_t i = 0; i < count; i++) {
        struct helper *helper = &helpers[i];
        if (helper->kind->needs_redis != terms->needs_redis)
            continue;
        if (helper->pid > 0 && terms->system->now_ms() >= helper->kill_ms)
            (void)terms->system->kill(helper->pid, SIGKILL);
        start_if_due(helper, terms);
    }
}

void helpers_reap(struct helper *helpers, size_t count, const struct worker_system *system)
{
    for (size_t i = 0; i < count; i++) {
        struct helper *helper = &helpers[i];
        int wait_status = 0;
        if (helper->pid <= 0 || !worker_system_reap(system, helper->pid, &wait_status))
            continue;
        helper->pid = 0;
        int64_t pause_ms = wait_status == 0 ? helper->kind->routine_ms : helper->kind->again_ms;
        if (helper->due_ms > 0) /* nobody has asked for another one meanwhile */
            helper->due_ms = after(system->now_ms(), pause_ms);
    }
}
