/*
 * Hooks: run one command of an app's owner around a snapshot.
 *
 * Sees      APPBACKUP_APP, APPBACKUP_BACKUP_ID, APPBACKUP_STAGE ("pre-snapshot" …) and
 *           APPBACKUP_REASON ("backup", "restore", or "undo" when it unwinds what a failure, a
 *           cancel or a crash left); PATH (CHILD_PATH), LANG=C.UTF-8, and HOME, USER, LOGNAME and
 *           the groups of its user; stdin is /dev/null; the directory is "/". Nothing else.
 * Ends      at its deadline by SIGTERM, CHILD_GRACE_MS later by SIGKILL, to its whole process
 *           group; on cancel the same, but HOOK_CANCEL_GRACE_MS apart: somebody waits.
 * Leaves    what a successful hook left in the background lives on: a pre hook may leave a
 *           database session that holds a lock until the post hook ends it. Such a process has to
 *           redirect its output, since ours is closed. A failed hook takes its whole group with
 *           it.
 * Output    the last CHILD_OUTPUT_MAX bytes of stdout and stderr together.
 */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "core/child.h"
#include "core/error.h"
#include "hook/context.h"
#include "model/app.h"

enum { HOOK_CANCEL_GRACE_MS = 1000 };

/* A hook that ran and failed is a result: ask child_succeeded(&result). An error is one that could
 * not be started (see core/child.h; no such command or user, no file to execute), that hangs in the
 * kernel (TIMEOUT), or a cancel, before or while it ran: what cancel_check() says. */
enum status hook_run(const struct app_hook *hook, const struct hook_context *context,
                     struct child_result *ret_result, struct error *err) MUST_CHECK;

#endif
