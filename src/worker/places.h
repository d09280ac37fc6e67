/*
 * Places: the worker's directories below the state directory; mode 0700.
 *   undo/             what to unwind when a job dies (stage/undo.h)
 *   jobs/<job>.lock   held by the process that works on the job (job_lock.h)
 * What the configuration's buckets keep beside them is made by those who use it: cache/ of S3
 * (repository/repository.h), seen-buckets/ of directories (stage/bucket.h).
 */
#ifndef WORKER_PLACES_H
#define WORKER_PLACES_H

#include "core/error.h"

#include <limits.h>

struct places {
    char undo[PATH_MAX];
    char locks[PATH_MAX];
};

/* Makes the directories that do not exist yet. */
enum status places_init(struct places *places, const char *state_directory, struct error *err)
    MUST_CHECK;

#endif
