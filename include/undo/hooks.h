/*
 * Hooks: those of one stage run in their order. Each failure becomes an entry of the hook details,
 * and the operation goes on unless the hook says on_failure: abort. The hooks of a pre stage end at
 * the first such failure; those of a post stage (a thaw) all run, whatever happens to the others.
 *
 * Listener  is told of each hook that has run in this process, whether for a backup, a restore or
 *           to unwind what a dead job left, so that the log can say it.
 * Threads   the listener is set before the first stage, and called by whoever runs the hook.
 */
#ifndef UNDO_HOOKS_H
#define UNDO_HOOKS_H

#include "core/cancel.h"
#include "core/child.h"
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

/* A hook that has run. Everything is borrowed during the call. */
struct hook_news {
    const char *hook;
    const char *backup; /* id */
    enum hook_stage stage;
    bool undo;                        /* it runs because something failed, died or was canceled */
    const struct child_result *child; /* NULL: it could not be started */
    const struct error *failure;      /* NULL: it succeeded; else code and sentence */
};

typedef void hook_listener_fn(const struct hook_news *news);

/* NULL: nobody listens. */
void hooks_listen(hook_listener_fn *listener);

#endif
