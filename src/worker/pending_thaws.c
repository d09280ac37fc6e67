#include "pending_thaws.h"

#include "core/log.h"
#include "model/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOCK_PATIENCE_MS = 10 * 60 * 1000 }; /* a thaw may be at work, and take its time */

struct search {
    struct pending_thaws *thaws;
    const struct node_directories *directories;
    const char *app, *job;
    const struct cancel *cancel;
    struct error failure;
};

static bool is_of_app(const struct search *search, const char *job)
{
    struct undo_debt debt;
    struct error ignored; /* gone meanwhile, or not readable: told by whoever unwinds it */
    return strcmp(job, search->job) != 0 &&
           undo_look(search->directories->undo, job, &debt, &ignored) == STATUS_OK &&
           strcmp(debt.app, search->app) == 0;
}

static enum status add(const struct search *search, const char *job, struct error *err)
{
    struct pending_thaws *thaws = search->thaws;
    struct pending_thaw *grown = reallocarray(thaws->items, thaws->count + 1, sizeof(*grown));
    if (grown == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu thaws", thaws->count + 1);
    thaws->items = grown;
    struct pending_thaw *thaw = &grown[thaws->count];
    thaw->lock = JOB_LOCK_NONE;
    if (job_lock_wait(&thaw->lock, search->directories->locks, job, LOCK_PATIENCE_MS,
                      search->cancel, err) != STATUS_OK) {
        if (err->status == STATUS_LOCKED)
            err->status = STATUS_UNAVAILABLE; /* to be tried again */
        return error_status(err);
    }
    (void)snprintf(thaw->job, sizeof(thaw->job), "%s", job);
    thaws->count++;
    return STATUS_OK;
}

static void log_failure(const char *job, const struct error *failure)
{
    log_event(LOG_LEVEL_WARNING, EVENT_UNWIND_FAILED, LOG_TEXT("of_job", job),
              LOG_TEXT("code", failure->reason), LOG_TEXT("reason", failure->text));
}

static void pay(void *context, const char *job)
{
    struct search *search = context;
    struct error failure = {0};
    if (search->failure.status != STATUS_OK || !is_of_app(search, job) ||
        add(search, job, &search->failure) != STATUS_OK)
        return;
    if (undo_job(search->directories->undo, job, &failure) != STATUS_OK)
        log_failure(job, &failure);
}

enum status pending_thaws_pay(struct pending_thaws *thaws,
                              const struct node_directories *directories, const char *app,
                              const char *job, const struct cancel *cancel, struct error *err)
{
    struct search search = {
        .thaws = thaws, .directories = directories, .app = app, .job = job, .cancel = cancel};
    if (undo_each(directories->undo, pay, &search, err) != STATUS_OK)
        return error_status(err);
    if (search.failure.status == STATUS_OK)
        return STATUS_OK;
    *err = search.failure;
    return FAIL_IN(err, "what an earlier job of the app owes");
}

void pending_thaws_forgive(const struct pending_thaws *thaws,
                           const struct node_directories *directories,
                           const enum hook_stage *stages, size_t count)
{
    for (size_t i = 0; i < thaws->count; i++) {
        struct error failure = {0};
        const char *job = thaws->items[i].job;
        if (undo_forgive(directories->undo, job, stages, count, &failure) != STATUS_OK)
            log_failure(job, &failure);
    }
}

void pending_thaws_done(struct pending_thaws *thaws)
{
    for (size_t i = 0; i < thaws->count; i++)
        job_lock_release(&thaws->items[i].lock);
    free(thaws->items);
    *thaws = (struct pending_thaws){0};
}
