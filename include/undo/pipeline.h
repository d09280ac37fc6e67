/*
 * Pipeline: the stages of an operation in their order, with compensation. If one fails, it and
 * those before it are undone, newest first: the one that failed too, since it may have got half
 * way. An undo therefore copes with nothing, half and all being done, and with being called
 * twice.
 *
 * Points    (core/point.h) each stage's name, and "<name>-done"; "unwind", before the first undo.
 */
#ifndef UNDO_PIPELINE_H
#define UNDO_PIPELINE_H

#include "core/error.h"
#include "undo/operation.h"

#include <stddef.h>

typedef enum status pipeline_run_fn(void *owner, struct error *err);
typedef void pipeline_undo_fn(void *owner);

struct pipeline_stage {
    const char *name;
    pipeline_run_fn *run;
    pipeline_undo_fn *undo; /* NULL: there is nothing to take back */
};

/* The stage's name is reported before it runs; the caller may end the operation there. */
enum status pipeline_run(const struct pipeline_stage *stages, size_t count,
                         struct operation *operation, struct error *err) MUST_CHECK;

#endif
