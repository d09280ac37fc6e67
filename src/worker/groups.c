#include "supervisor.h"

#include <string.h>

static bool is_used(void *context, const char *name)
{
    const struct supervisor *supervisor = context;
    if (strcmp(name, SUPERVISOR_RECOVERY) == 0)
        return supervisor->recovery > 0;
    for (size_t i = 0; i < supervisor->slots.count; i++) {
        const struct slot *slot = &supervisor->slots.items[i];
        bool has_process = slot->phase == SLOT_RUNNING || slot->phase == SLOT_UNWINDING;
        if (has_process && strcmp(name, slot->job.id) == 0)
            return true;
    }
    return false;
}

int supervisor_make_group(const struct supervisor *supervisor, const char *name)
{
    const struct config_worker *worker = &supervisor->setup.config->worker;
    const struct cgroup_limits limits = {.cpu_weight = worker->job_cpu_weight,
                                         .io_weight = worker->job_io_weight,
                                         .memory_high_bytes = worker->job_memory_high_bytes};
    return cgroups_make(supervisor->cgroups, name, &limits);
}

void supervisor_sweep_groups(struct supervisor *supervisor)
{
    cgroups_sweep(supervisor->cgroups, is_used, supervisor);
}
