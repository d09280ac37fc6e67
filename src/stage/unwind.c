#include "unwind.h"

void unwind_hooks(struct undo_record *record, enum hook_stage stage, enum hook_reason reason,
                  json_t *details, struct hooks_result *ret_result)
{
    *ret_result = (struct hooks_result){0};
    if (!record->owed[stage])
        return;
    record->owed[stage] = false;
    struct hooks_request request = {
        .hooks = &record->hooks[stage],
        .stage = stage,
        .reason = reason,
        .app_name = record->app,
        .backup = record->backup,
        .details = details, /* and no cancel: a thaw that is killed is none */
    };
    struct error never; /* hooks_run() fails only on cancel */
    if (hooks_run(&request, ret_result, &never) != STATUS_OK)
        *ret_result = (struct hooks_result){.failed = 1, .failure = never};
}

enum status unwind_snapshots(struct undo_record *record, struct error *err)
{
    size_t left = 0;
    for (size_t i = 0; i < record->snapshot_count; i++) {
        struct error failure;
        if (snapshot_remove(&record->snapshots[i], &failure) == STATUS_OK)
            continue;
        if (left == 0)
            *err = failure;
        record->snapshots[left++] = record->snapshots[i];
    }
    record->snapshot_count = left;
    return left == 0 ? STATUS_OK : FAIL_IN(err, "remove the snapshot");
}
