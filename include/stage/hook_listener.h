/*
 * Hook listener: told of each hook that has run in this process, whether for a backup, a restore
 * or to unwind what a dead job left, so that the log can say it.
 *
 * Threads   it is set before the first stage, and called by whoever runs the hook
 */
#ifndef STAGE_HOOK_LISTENER_H
#define STAGE_HOOK_LISTENER_H

#include "core/child.h"
#include "core/error.h"
#include "model/app.h"

#include <stdbool.h>

struct stage_hook_news {
    const char *hook;
    const char *backup; /* id */
    enum hook_stage stage;
    bool undo;                        /* it runs because something failed, died or was canceled */
    const struct child_result *child; /* NULL: it could not be started */
    const struct error *failure;      /* NULL: it succeeded; else code and sentence */
};

typedef void stage_hook_fn(const struct stage_hook_news *news);

void stage_listen_to_hooks(stage_hook_fn *listener); /* NULL: nobody */

#endif
