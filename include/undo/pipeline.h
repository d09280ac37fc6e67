/*
 * Pipeline: the stages of an operation in their order, with compensation. If one fails, it and those
 * before it are undone, newest first: the one that failed too, since it may have got half way. An
 * undo therefore copes with nothing, half and all being done, and with being called twice.
 *
 * Points    (core/point.h) each stage's name, and "<name>-done"; "unwind", before the first undo.
 */
#ifndef UNDO_PIPELINE_H
#define UNDO_PIPELINE_H

#include "core/error.h"
#include "undo/operation.h"

#include <stddef.h>

typedef enum status stage_run_fn(void *owner, struct error *err);
typedef void stage_undo_fn(void *owner);

struct stage {
    const char *name;
    stage_run_fn *run;
    stage_undo_fn *undo; /* NULL: there is nothing to take back */
};

/* The stage's name is reported before it runs; the caller may end the operation there. */
enum status pipeline_run(const struct stage *stages, size_t count, struct operation *operation,
                         struct error *err) MUST_CHECK;

#endif
