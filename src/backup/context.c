#include "context.h"

#include "snapshot/snapshot.h"

void context_describe(void *owner, struct work_report *report)
{
    const struct backup_context *context = owner;
    report->state = context->state;
    report->volumes = context->volumes;
    report->volume_count = context->is_planned ? context->volume_count : 0;
}

enum status context_walk(const struct backup_context *context, size_t volume, bool again,
                         struct walk_options *options, struct walk **ret_walk, struct error *err)
{
    const struct snapshot_plan *plan = &context->volumes[volume];
    *options = (struct walk_options){
        .volume = plan->volume,
        .exclude = context->exclude,
        .exclude_caches = context->operation.app->exclude_caches,
        .records = again ? NULL : &context->recordings[volume],
        .replays = again ? &context->recordings[volume] : NULL,
    };
    int fd = -1;
    if (snapshot_open(plan, &fd, err) != STATUS_OK)
        return FAIL_IN(err, "volume '%s'", plan->volume);
    return walk_open(options, fd, ret_walk, err);
}
