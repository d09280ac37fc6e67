#include "core/log.h"
#include "supervisor.h"

#include <string.h>

static bool is_used(void *context, const char *name)
{
    const struct supervisor *supervisor = context;
    for (size_t i = 0; i < HELPER_COUNT; i++) {
        if (strcmp(name, helper_kinds[i].name) == 0)
            return supervisor->helpers[i].pid > 0;
    }
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
    const struct cgroup_limits limits = node_config_job_limits(&supervisor->node);
    return cgroups_make(supervisor->cgroups, name, &limits);
}

/* The field of the memory is the last, and left out where memory is not counted. */
static void log_usage(const char *name, const struct cgroup_usage *usage)
{
    const struct log_field fields[] = {LOG_TEXT("job", name), LOG_NUMBER("cpu_ms", usage->cpu_ms),
                                       LOG_NUMBER("memory_peak_bytes", usage->memory_peak_bytes)};
    size_t count = sizeof(fields) / sizeof(fields[0]) - (usage->memory_peak_bytes < 0);
    log_write(LOG_LEVEL_INFO, "job has used", fields, count);
}

void supervisor_end_group(const struct supervisor *supervisor, const char *name)
{
    struct cgroup_usage usage;
    if (cgroups_usage(supervisor->cgroups, name, &usage))
        log_usage(name, &usage);
    cgroups_kill(supervisor->cgroups, name); /* what its hooks have left */
}

void supervisor_sweep_groups(struct supervisor *supervisor)
{
    cgroups_sweep(supervisor->cgroups, is_used, supervisor);
}
