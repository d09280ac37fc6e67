/*
 * Hooks of one stage, in their order: each failure becomes an entry of the hook details, and the
 * backup goes on unless the hook says on_failure: abort. The hooks before a stage end at the first
 * such; the ones after it (thaw) all run, whatever happens to their neighbours.
 */
#ifndef STAGE_HOOKS_H
#define STAGE_HOOKS_H

#include "core/cancel.h"
#include "core/error.h"
#include "hook/hook.h"
#include "model/app.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

struct hooks_request {
    const struct app_hooks *hooks;
    enum hook_stage stage;
    enum hook_reason reason;
    const char *app_name;
    const char *backup;
    const struct cancel *cancel; /* NULL: cannot be cancelled */
    json_t *details;             /* grows; NULL: nobody reads them */
};

struct hooks_result {
    size_t failed;
    bool aborted;         /* one of them has on_failure: abort */
    struct error failure; /* reason "hook_failed": of the one that aborts, else of the first */
};

/* Fails only when cancelled; *ret_result is then not written. */
enum status hooks_run(const struct hooks_request *request, struct hooks_result *ret_result,
                      struct error *err) MUST_CHECK;

#endif
