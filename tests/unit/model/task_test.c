#include "model/task.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define ID "bbbbbbbb-0000-4000-8000-000000000001"

static void set(struct task *task, const char *field, const char *value)
{
    struct error err = {0};
    cr_assert(eq(int, (int)task_set_field(task, field, value, &err), (int)STATUS_OK), "%s",
              err.text);
}

Test(task_set_field, reads_the_record_of_a_restore)
{
    struct error err = {0};
    CLEANUP(task_done) struct task task = {0};
    cr_assert(eq(int, (int)task_init(&task, &err), (int)STATUS_OK));

    set(&task, "id", ID);
    set(&task, "kind", "restore");
    set(&task, "state", "running");
    set(&task, "target", "/srv/out");
    set(&task, "includes", "[\"*.txt\"]");
    set(&task, "overwrite", "1");
    set(&task, "bytes_total", "10");
    set(&task, "of_a_newer_program", "x");

    cr_expect(eq(int, (int)task.kind, (int)JOB_RESTORE));
    cr_expect(eq(int, (int)task.state, (int)BACKUP_RUNNING));
    cr_expect(eq(str, task.target, "/srv/out"));
    cr_expect(eq(sz, json_array_size(task.includes), 1));
    cr_expect(task.overwrite);
    cr_expect(eq(i64, task.bytes_total, 10));
    cr_expect(eq(i64, task.bytes_done, -1));
}

Test(task_set_field, refuses_damage)
{
    struct error err = {0};
    CLEANUP(task_done) struct task task = {0};
    cr_assert(eq(int, (int)task_init(&task, &err), (int)STATUS_OK));

    cr_expect(eq(int, (int)task_set_field(&task, "kind", "mirror", &err), (int)STATUS_CORRUPT));
    cr_expect(eq(int, (int)task_set_field(&task, "includes", "{}", &err), (int)STATUS_CORRUPT));
    cr_expect(eq(int, (int)task_set_field(&task, "sample", "many", &err), (int)STATUS_CORRUPT));
}

Test(task_to_json, leaves_out_what_is_unknown_or_not_of_its_kind)
{
    struct error err = {0};
    CLEANUP(task_done) struct task task = {0};
    cr_assert(eq(int, (int)task_init(&task, &err), (int)STATUS_OK));
    set(&task, "id", ID);
    set(&task, "kind", "prune");
    set(&task, "state", "pending");
    json_auto_t *prune = NULL;
    json_auto_t *restore = NULL;

    cr_assert(eq(int, (int)task_to_json(&task, &prune, &err), (int)STATUS_OK));
    set(&task, "kind", "restore");
    cr_assert(eq(int, (int)task_to_json(&task, &restore, &err), (int)STATUS_OK));

    cr_expect(eq(str, (char *)json_string_value(json_object_get(prune, "state")), "pending"));
    cr_expect(json_object_get(prune, "totalBytes") == NULL);
    cr_expect(json_object_get(prune, "includes") == NULL);
    bool is_array = json_is_array(json_object_get(restore, "includes"));
    cr_expect(is_array);
    cr_expect(json_object_get(restore, "target") == NULL); /* in place */
}
