/*
 * Pending thaws: what earlier jobs of an app owe to it still, mostly a thaw whose hook has failed.
 * A job that is about to hold the app still, a backup or a restore, pays these debts first, and
 * holds the locks of those jobs until it ends: nobody else thaws the app in the midst of its
 * freeze. What cannot be paid even now is forgiven when the job's own hooks have worked.
 */
#ifndef WORKER_PENDING_THAWS_H
#define WORKER_PENDING_THAWS_H

#include "core/error.h"
#include "core/id.h"
#include "job_lock.h"
#include "node_config.h"
#include "undo/undo.h"

#include <stddef.h>

struct pending_thaw {
    char job[ID_SIZE];
    struct job_lock lock;
};

struct pending_thaws {
    struct pending_thaw *items;
    size_t count;
};

/* Pays what all other jobs owe to the app, which is given by its name. A hook that fails is logged
 * and stops nothing. Whoever works on such a job still, or unwinds it, is waited for. Errors:
 * UNAVAILABLE, that took too long. */
enum status pending_thaws_pay(struct pending_thaws *thaws,
                              const struct node_directories *directories, const char *app,
                              const char *job, const struct cancel *cancel, struct error *err)
    MUST_CHECK;

/* The job's own hooks of these stages have worked: the debts of such hooks are dropped. */
void pending_thaws_forgive(const struct pending_thaws *thaws,
                           const struct node_directories *directories,
                           const enum hook_stage *stages, size_t count);

void pending_thaws_done(struct pending_thaws *thaws); /* all zeros is fine */

#endif
