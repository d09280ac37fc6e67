/*
 * Operation: what a backup and a restore have in common. Both work on an app's volumes and its
 * repository, owe the application something on the way, and tell how far they are.
 *
 * Owner     the kind of operation that embeds it: its stages get it, and it completes reports with
 *           what only that kind knows.
 * Hooks     the ones before a step may end the operation (on_failure: abort). The ones after it are
 *           owed: they are paid whatever happens, and the record keeps them until none has failed.
 * Record    is written before what it tells of is done (record.h). That a debt which was paid
 *           cannot be struck out costs at most that it is paid twice: it is a detail of the state.
 */
#ifndef UNDO_OPERATION_H
#define UNDO_OPERATION_H

#include "access/work.h"
#include "bucket/object_store.h"
#include "core/error.h"
#include "hook/hook.h"
#include "model/app.h"
#include "repository/repository.h"
#include "undo/hooks.h"
#include "undo/record.h"

#include <stdbool.h>
#include <stddef.h>

/* May add to the result first. */
typedef void operation_describe_fn(void *owner, struct work_report *report);

struct operation {
    const struct work *work;
    const struct app_definition *app;
    const char *job, *backup; /* ids */
    const char *undo_directory;
    const struct error *paid; /* what a dead attempt owes, and how that ended; NULL: it is to be */
    void *owner;
    operation_describe_fn *describe;
    struct work_result *result;

    const char *stage; /* the one that runs */
    struct object_store *store;
    struct repository *repository;
    bool locked;    /* the repository: each report renews the lock */
    bool committed; /* nothing can make it fail any more: only tidying up is left */
    bool confirm;   /* with the next report: see struct work_report */

    struct undo_record record; /* what is owed */
    bool recorded;             /* it is, or may be, in its file */
};

/* Checks the ids and begins the record with them. */
enum status operation_init(struct operation *operation, struct error *err) MUST_CHECK;
/* Closes what is open. */
void operation_done(struct operation *operation);

/* Tells the caller where the operation stands, and looks whether it may go on: cancelled, lock
 * lost. */
enum status operation_report(struct operation *operation, struct error *err) MUST_CHECK;
/* Reports that what follows cannot be taken back; whoever has lost the claim fails here. */
enum status operation_confirm(struct operation *operation, struct error *err) MUST_CHECK;

/* The app's volumes: absolute, each once, none below another; none holds, or lies in, the directory
 * of the bucket or the undo directory, links resolved: INVALID, "configuration_invalid". */
enum status operation_check_volumes(const struct operation *operation, size_t *ret_count,
                                    struct error *err) MUST_CHECK;

/* Pays what a dead attempt of this job has left, unless the caller has: the hooks of which one has
 * just failed are not run a second time. A failure is a detail of the state: it is news, and no
 * reason to give up. */
void operation_pay_predecessor(struct operation *operation);

/* Runs the app's hooks of a stage before a step; fails if one of them aborts. */
enum status operation_run_hooks(struct operation *operation, enum hook_stage stage,
                                enum hook_reason reason, struct error *err) MUST_CHECK;
/* Pays with hooks that run to their end whatever the caller wants by now; with none if none are
 * owed. */
struct hooks_result operation_pay_hooks(struct operation *operation, enum hook_stage stage,
                                        enum hook_reason reason);

enum status operation_write_record(struct operation *operation, struct error *err) MUST_CHECK;
/* After something was paid. */
void operation_update_record(struct operation *operation);
/* The last step: nothing is owed any more, or what is left is for undo_all(). */
void operation_close_record(struct operation *operation);

/*
 * Pipeline: the stages of an operation in their order, with compensation (pipeline.c). If one fails,
 * it and those before it are undone, newest first: the one that failed too, since it may have got
 * half way. An undo therefore copes with nothing, half and all being done, and with being called
 * twice.
 *
 * Points    (core/point.h) each stage's name, and "<name>-done"; "unwind", before the first undo.
 */
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
