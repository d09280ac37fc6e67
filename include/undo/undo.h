/*
 * Undo records: what must be unwound if the process that wrote one dies: post hooks to run,
 * snapshots to remove, volumes to exchange back. One JSON file <job>.json per job in the undo
 * directory, replaced durably as the job goes on and removed when it has ended. It holds all that
 * is needed (argv, user, time-outs, paths): whoever reads it needs neither Redis nor the
 * configuration. Its form is in undo/record.h.
 *
 * Folder    mode 0700, below the state directory: it must survive a reboot, as snapshots do. One
 *           that others may write to is refused (FORBIDDEN), since what stands in it runs with
 *           our rights.
 * Order     the exchange of a restore comes first: it is taken back, or completed with what is
 *           excluded. Then post-restore and post-snapshot hooks, so that the application goes on;
 *           snapshots; post-backup hooks; what a restore has restored beside the volumes.
 * Repeated  hooks may run more than once: a crash inside an undo runs it again. They are told
 *           (APPBACKUP_REASON=undo).
 * Left      the hooks of a stage of which one failed, and a snapshot that cannot be removed, stay
 *           in the record for the next time: an application must not stay frozen because, say, the
 *           container that thaws it was not up yet. A record that cannot be read is renamed to
 *           *.bad, for people, and reported (INVALID).
 *           So does what a restore has replaced and could not remove ("old_left"): all of it that
 *           can be removed goes, each time.
 * Callers   see to it that no process works on the job any more.
 */
#ifndef UNDO_UNDO_H
#define UNDO_UNDO_H

#include "core/error.h"
#include "model/app.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unwind one job's record, if there is one, and remove it. Failures do not stop it; the first one
 * is returned: "hook_failed", "excluded_left", or that of a snapshot. Where nothing was owed, *err
 * tells of no failure. */
enum status undo_job(const char *undo_directory, const char *job, struct error *err) MUST_CHECK;

/* For a job that will not be tried again: undo_job(), and what a restore has restored beside
 * the volumes is removed. Without this it stays for the next attempt, at most a day. */
enum status undo_discard(const char *undo_directory, const char *job, struct error *err) MUST_CHECK;

typedef bool undo_wanted_fn(void *context, const char *job);

/* Every record of the directory for which wanted says so (NULL: all); the first failure is returned
 * after all were tried, "old_left" only if there is no other. *ret_count: how many there were. */
enum status undo_all(const char *undo_directory, undo_wanted_fn *wanted, void *context,
                     size_t *ret_count, struct error *err) MUST_CHECK;

struct undo_debt {
    char app[NAME_SIZE];
    bool owes_hooks; /* the application may be held still */
    int64_t due_ms;  /* wall clock: not to be tried before; each failure doubles the wait, from
                        5 s to 10 min, or to 6 h where no hooks are owed */
};

/* What a job's record is about; nothing is unwound. NOT_FOUND: there is none. INVALID, TOO_LARGE.
 */
enum status undo_look(const char *undo_directory, const char *job, struct undo_debt *ret_debt,
                      struct error *err) MUST_CHECK;

/* A later job of the app has run the hooks of these stages with success: they are owed no longer.
 */
enum status undo_forgive(const char *undo_directory, const char *job, const enum hook_stage *stages,
                         size_t count, struct error *err) MUST_CHECK;

typedef void undo_visit_fn(void *context, const char *job);

/* Each job that has a record, which may be unwound meanwhile. */
enum status undo_each(const char *undo_directory, undo_visit_fn *visit, void *context,
                      struct error *err) MUST_CHECK;

#endif
