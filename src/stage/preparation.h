/*
 * Preparation: what the upload needs of the repository, got while the files are counted: the lock,
 * whose wait is over by then, and the index, which a thread of its own loads.
 */
#ifndef STAGE_PREPARATION_H
#define STAGE_PREPARATION_H

#include "core/error.h"

#include <pthread.h>
#include <stdbool.h>

struct stage_context;

struct preparation {
    pthread_t thread;
    bool running; /* and not joined yet */
    struct error failure;
};

/* Begins both. The lock counts as taken: it is renewed, and given back. */
enum status preparation_start(struct stage_context *context, struct error *err) MUST_CHECK;
/* Waits for both. That the repository is locked counts more than that its index could not be read
 * meanwhile. */
enum status preparation_finish(struct stage_context *context, struct error *err) MUST_CHECK;
/* Ends what was begun, and gives the lock back. owner: the context. */
void preparation_undo(void *owner);

#endif
