#include "model/task.h"

#include "core/cleanup.h"
#include "fields.h"
#include "resource_json.h"

#include <string.h>

static const struct field fields[] = {
    FIELD(FIELD_ID, struct task, id),
    CHOICE_FIELD(struct task, kind, job_kind_names),
    FIELD(FIELD_ID, struct task, account),
    FIELD(FIELD_ID, struct task, app),
    FIELD(FIELD_LABEL, struct task, app_name),
    FIELD(FIELD_ID, struct task, bucket),
    FIELD(FIELD_HOST, struct task, node),
    FIELD(FIELD_ID, struct task, job),
    FIELD(FIELD_ID, struct task, backup),
    FIELD(FIELD_LABEL, struct task, backup_name),
    FIELD(FIELD_TEXT, struct task, repository_snapshot),
    FIELD(FIELD_TEXT, struct task, target),
    FIELD(FIELD_FLAG, struct task, overwrite),
    FIELD(FIELD_TEXT, struct task, created_by),
    CHOICE_FIELD(struct task, state, backup_state_names),
    CHOICE_FIELD(struct task, hook_state, hook_state_names),
    ARRAY_FIELD(FIELD_TEXTS, struct task, includes),
    ARRAY_FIELD(FIELD_TEXTS, struct task, state_unready),
    ARRAY_FIELD(FIELD_OBJECTS, struct task, state_details),
    ARRAY_FIELD(FIELD_OBJECTS, struct task, hook_state_details),
    FIELD(FIELD_INTEGER, struct task, sample),
    FIELD(FIELD_INTEGER, struct task, bytes_total),
    FIELD(FIELD_INTEGER, struct task, bytes_done),
    FIELD(FIELD_INTEGER, struct task, percent_done),
    FIELD(FIELD_INTEGER, struct task, created_ms),
    FIELD(FIELD_INTEGER, struct task, modified_ms),
};

enum status task_init(struct task *task, struct error *err)
{
    *task = (struct task){
        .includes = json_array(),
        .state_unready = json_array(),
        .state_details = json_array(),
        .hook_state_details = json_array(),
        .bytes_total = -1,
        .bytes_done = -1,
    };
    if (task->includes != NULL && task->state_unready != NULL && task->state_details != NULL &&
        task->hook_state_details != NULL)
        return STATUS_OK;
    task_done(task);
    return FAIL(err, STATUS_NO_MEMORY, "task");
}

void task_done(struct task *task)
{
    json_decref(task->includes);
    json_decref(task->state_unready);
    json_decref(task->state_details);
    json_decref(task->hook_state_details);
    memset(task, 0, sizeof(*task));
}

enum status task_set_field(struct task *task, const char *field, const char *value,
                           struct error *err)
{
    return FIELDS_SET(fields, task, field, value, err);
}

static enum status add_restore(const struct task *task, json_t *json, struct error *err)
{
    json_auto_t *part =
        json_pack("{s:s, s:s, s:o*, s:O, s:b, s:o*, s:O}", "backup", task->backup, "backupName",
                  task->backup_name, "target", optional_text(task->target), "includes",
                  task->includes, "overwrite", task->overwrite ? 1 : 0, "hookState",
                  optional_text(hook_state_names[task->hook_state]), "hookStateDetails",
                  task->hook_state_details);
    if (part == NULL || json_object_update(json, part) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "task '%s' as JSON", task->id);
    return STATUS_OK;
}

enum status task_to_json(const struct task *task, json_t **ret_json, struct error *err)
{
    json_auto_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O, s:O, s:o*, s:o*, s:I, s:s, s:o, s:o}", "id",
        task->id, "kind", job_kind_names[task->kind], "app", task->app, "appName", task->app_name,
        "bucket", task->bucket, "node", task->node, "state", backup_state_names[task->state],
        "stateUnready", task->state_unready, "stateDetails", task->state_details, "totalBytes",
        optional_count(task->bytes_total >= 0, task->bytes_total), "bytesDone",
        optional_count(task->bytes_done >= 0, task->bytes_done), "percentDone",
        (json_int_t)task->percent_done, "createdBy", task->created_by, "created",
        time_text(task->created_ms), "modified", time_text(task->modified_ms));
    if (json == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "task '%s' as JSON", task->id);
    if (task->kind == JOB_RESTORE && add_restore(task, json, err) != STATUS_OK)
        return error_status(err);
    *ret_json = STEAL(json);
    return STATUS_OK;
}
