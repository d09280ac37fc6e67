/* Unwind: what dead jobs of this node left is taken back; what living ones need is not touched. */
#ifndef WORKER_UNWIND_H
#define WORKER_UNWIND_H

#include "core/error.h"
#include "node_config.h"

#include <stddef.h>

enum { UNWIND_PATIENCE_MS = 60000 };

/* Unwinds one job that has died. A job that another process works on by now is left to that one. */
enum status unwind_job(const struct node_directories *directories, const char *job,
                       struct error *err) MUST_CHECK;

/* Unwinds every job that nobody works on. *ret_count: how many records there were. */
enum status unwind_all(const struct node_directories *directories, size_t *ret_count,
                       struct error *err) MUST_CHECK;

/* The same, but for what has failed just now (struct undo_debt, due_ms). */
enum status unwind_due(const struct node_directories *directories, size_t *ret_count,
                       struct error *err) MUST_CHECK;

/* Unwinds every job, where no supervisor runs. Processes that the death of one has left are about
 * to end in order: they are waited for, and killed after UNWIND_PATIENCE_MS. */
enum status unwind_orphans(const struct node_directories *directories, size_t *ret_count,
                           struct error *err) MUST_CHECK;

#endif
