/*
 * Hooks: run one command of an app's owner around a snapshot.
 *
 * Sees      APPBACKUP_APP, APPBACKUP_BACKUP_ID, APPBACKUP_STAGE ("pre-snapshot" …),
 * APPBACKUP_REASON
 *           ("backup", or "undo" when it unwinds what a failure, a cancel or a crash left), PATH,
 * LANG=C.UTF-8, and HOME, USER, LOGNAME of its user; stdin is /dev/null; the directory is "/". Ends
 * at its deadline or on cancel by SIGTERM, 5 s later by SIGKILL, to its whole process group. Output
 * the last 4 KiB of stdout and stderr together.
 */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "core/cancel.h"
#include "core/child.h"
#include "core/error.h"
#include "model/app.h"

#include <stdbool.h>

enum hook_reason { HOOK_REASON_BACKUP, HOOK_REASON_UNDO };

struct hook_context {
    const char *app_name;
    const char *backup; /* id */
    enum hook_stage stage;
    enum hook_reason reason;
    const struct cancel *cancel; /* NULL: cannot be cancelled (an undo) */
};

/* A hook that ran and failed is a result: ask child_succeeded(&result). An error is one that could
 * not be started (no such command or user), or CANCELED. */
enum status hook_run(const struct app_hook *hook, const struct hook_context *context,
                     struct child_result *ret_result, struct error *err) MUST_CHECK;

#endif
