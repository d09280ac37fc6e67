#include "pipeline.h"

#include "core/point.h"

#include <stdio.h>

static void undo_from(const struct stage *stages, size_t entered, struct stage_context *context)
{
    point_pass("unwind");
    while (entered-- > 0)
        if (stages[entered].undo != NULL)
            stages[entered].undo(context);
}

static void pass_end_of(const char *stage)
{
    char name[POINT_NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%.24s-done", stage);
    point_pass(name);
}

enum status pipeline_run(const struct stage *stages, size_t count, struct stage_context *context,
                         struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        context->stage = stages[i].name;
        /* Not yet entered: what a refusal here undoes is what came before. */
        if (context_report(context, err) != STATUS_OK) {
            undo_from(stages, i, context);
            return FAIL_IN(err, "%s", stages[i].name);
        }
        point_pass(stages[i].name);
        if (stages[i].run(context, err) != STATUS_OK) {
            undo_from(stages, i + 1, context);
            return FAIL_IN(err, "%s", stages[i].name);
        }
        pass_end_of(stages[i].name);
    }
    return STATUS_OK;
}
