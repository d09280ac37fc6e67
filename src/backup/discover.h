/*
 * Discover: how much there is to back up, by a walk over what was frozen. Meanwhile the upload gets
 * what it needs of the repository: the lock, whose wait is over by then, and the index, which a
 * thread of its own loads.
 */
#ifndef BACKUP_DISCOVER_H
#define BACKUP_DISCOVER_H

#include "core/error.h"
#include "files/walk.h"

#include <stdbool.h>
#include <stddef.h>

struct backup_context;

/* The stage; owner: the backup's context. Begins with lock and index: the lock counts as taken, is
 * renewed and given back. Leaves a recording for the upload. Sets bytes_total and bytes_done of the
 * result. What cannot be looked at counts nothing here: the upload finds it again, and says so. */
enum status discover_run(void *owner, struct error *err) MUST_CHECK;
/* Ends what was begun, and gives the lock back. */
void discover_undo(void *owner);

/* Waits for lock and index. That the repository is locked counts more than that its index could not
 * be read meanwhile. */
enum status discover_finish(struct backup_context *context, struct error *err) MUST_CHECK;

/* Opens a walk over what was frozen of a volume, shown under the volume's own path. The options
 * must live as long as the walk. The first walk over it is recorded, the second one (again) replays
 * the recording. */
enum status discover_walk(const struct backup_context *context, size_t volume, bool again,
                          struct walk_options *options, struct walk **ret_walk, struct error *err)
    MUST_CHECK;

#endif
