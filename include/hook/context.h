/* What a hook is told about the job that runs it. */
#ifndef HOOK_CONTEXT_H
#define HOOK_CONTEXT_H

#include "core/cancel.h"
#include "model/app.h"

enum hook_reason { HOOK_REASON_BACKUP, HOOK_REASON_UNDO, HOOK_REASON_RESTORE };

struct hook_context {
    const char *app_name;
    const char *backup; /* id */
    enum hook_stage stage;
    enum hook_reason reason;
    const struct cancel *cancel; /* NULL: cannot be cancelled (an undo) */
};

#endif
