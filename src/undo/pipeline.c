#include "core/point.h"
#include "undo/operation.h"

#include <stdio.h>

static void undo_from(const struct pipeline_stage *stages, size_t entered, void *owner)
{
    bool is_first = true;
    while (entered-- > 0) {
        if (stages[entered].undo == NULL)
            continue;
        if (is_first)
            point_pass("unwind");
        is_first = false;
        stages[entered].undo(owner);
    }
}

static void pass_end_of(const char *stage)
{
    char name[POINT_NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%.24s-done", stage);
    point_pass(name);
}

enum status pipeline_run(const struct pipeline_stage *stages, size_t count,
                         struct operation *operation, struct error *err)
{
    void *owner = operation->owner;
    for (size_t i = 0; i < count; i++) {
        operation->stage = stages[i].name;
        /* Not yet entered: what a refusal here undoes is what came before. */
        if (operation_report(operation, err) != STATUS_OK) {
            undo_from(stages, i, owner);
            return FAIL_IN(err, "%s", stages[i].name);
        }
        point_pass(stages[i].name);
        if (stages[i].run(owner, err) != STATUS_OK) {
            undo_from(stages, i + 1, owner);
            return FAIL_IN(err, "%s", stages[i].name);
        }
        pass_end_of(stages[i].name);
    }
    return STATUS_OK;
}
