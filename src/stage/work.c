#include "stage/work.h"

enum status stage_result_init(struct stage_result *result, struct error *err)
{
    *result = (struct stage_result){
        .bytes_done = -1,
        .bytes_total = -1,
        .hook_state_details = json_array(),
        .state_details = json_array(),
    };
    if (result->hook_state_details != NULL && result->state_details != NULL)
        return STATUS_OK;
    stage_result_done(result);
    return FAIL(err, STATUS_NO_MEMORY, "result of a job");
}

void stage_result_done(struct stage_result *result)
{
    json_decref(result->hook_state_details);
    json_decref(result->state_details);
    *result = (struct stage_result){0};
}

enum status work_report(const struct work *work, const char *stage,
                        const struct stage_result *result, struct error *err)
{
    const struct stage_report report = {
        .state = BACKUP_RUNNING,
        .stage = stage,
        .bytes_done = result->bytes_done,
        .bytes_total = result->bytes_total,
        .state_details = result->state_details,
    };
    if (work->report != NULL && work->report(work->context, &report, err) != STATUS_OK)
        return error_status(err);
    return cancel_check(work->cancel, err);
}
