/*
 * Debts: what earlier jobs of an app owe to it still, mostly a thaw whose hook has failed. A job
 * that is about to hold the app still, a backup or a restore, pays them first, and holds the locks
 * of those jobs until it ends: nobody else thaws the app in the midst of its freeze. What cannot be
 * paid even now is settled when its own hooks have worked.
 */
#ifndef WORKER_DEBTS_H
#define WORKER_DEBTS_H

#include "core/error.h"
#include "core/id.h"
#include "job_lock.h"
#include "places.h"
#include "stage/undo.h"

#include <stddef.h>

struct debt {
    char job[ID_SIZE];
    struct job_lock lock;
};

struct debts {
    struct debt *items;
    size_t count;
};

/* Of this app, by its name, but not of the job itself. Hooks' failures are logged and do not stop
 * it. Whoever works on such a job still, or unwinds it, is waited for; UNAVAILABLE: for too long.
 */
enum status debts_pay(struct debts *debts, const struct places *places, const char *app,
                      const char *job, const struct cancel *cancel, struct error *err) MUST_CHECK;

/* The hooks of these stages have worked. */
void debts_forgive(const struct debts *debts, const struct places *places,
                   const enum hook_stage *stages, size_t count);

void debts_done(struct debts *debts); /* all zeros is fine */

#endif
