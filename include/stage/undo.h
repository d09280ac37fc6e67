/*
 * Undo records: what must be unwound if the process that wrote it dies: post hooks to run,
 * snapshots to remove. One JSON file per job in the undo directory, replaced durably as the backup
 * goes on and removed when it has ended. It holds all that is needed (argv, user, time-outs,
 * paths): whoever reads it needs neither Redis nor the configuration.
 *
 * Directory mode 0700, below the state directory: it must survive a reboot, as snapshots do.
 * Idempotent hooks may run more than once: a crash inside an undo runs it again. They are told
 *           (APPBACKUP_REASON=undo).
 */
#ifndef STAGE_UNDO_H
#define STAGE_UNDO_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Unwind one job's record, if there is one, and remove it. Hook failures do not stop it; the record
 * goes all the same, and the first failure is returned. */
enum status stage_undo_job(const char *undo_directory, const char *job, struct error *err)
    MUST_CHECK;

typedef bool stage_undo_wanted_fn(void *context, const char *job);

/* Every record of the directory for which wanted says so (NULL: all). *ret_count: how many there
 * were. */
enum status stage_undo_all(const char *undo_directory, stage_undo_wanted_fn *wanted, void *context,
                           size_t *ret_count, struct error *err) MUST_CHECK;

#endif
