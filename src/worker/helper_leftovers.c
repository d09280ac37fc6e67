/*
 * Leftovers: undo records of jobs that nobody works on. Hooks that are owed since they have failed
 * are tried again, ever less often. What a restore has put beside the volumes is kept for its next
 * attempt; where Redis says that there will be none, since the job has ended elsewhere, was
 * canceled while it waited, or was forgotten, it is removed. That may take long.
 */
#include "core/clock.h"
#include "core/log.h"
#include "helper_process.h"
#include "job_lock.h"
#include "job_log.h"
#include "model/event.h"
#include "store/blocking.h"
#include "undo/undo.h"

#include <stdlib.h>
#include <string.h>

struct search {
    const struct slots *slots;
    bool found;
};

static void look_at(void *context, const char *job)
{
    struct search *search = context;
    for (size_t i = 0; i < search->slots->count; i++) {
        const struct slot *slot = &search->slots->items[i];
        if (slot->phase != SLOT_FREE && strcmp(slot->job.id, job) == 0)
            return;
    }
    search->found = true;
}

/* Is there a record of a job that none of the slots is about? */
bool helper_leftovers_may_exist(const struct node_config *node, const struct slots *slots)
{
    struct search search = {.slots = slots};
    struct error err = {0};
    if (undo_each(node->directories.undo, look_at, &search, &err) != STATUS_OK)
        return true; /* whoever looks closer says why */
    return search.found;
}

struct settling {
    const struct node_directories *directories;
    struct store *store;
    size_t settled;
    struct error first; /* why one is left */
};

static enum status has_next_attempt(struct store *store, const char *id, bool *ret_has,
                                    struct error *err)
{
    struct job job = {0};
    enum status status = store_job_get(store, id, &job, err);
    if (status != STATUS_OK && !error_is(err, REASON_UNKNOWN_JOB))
        return status;
    *ret_has = status == STATUS_OK && strcmp(job.state, "done") != 0;
    return STATUS_OK;
}

static bool is_due(const struct settling *settling, const char *job)
{
    struct undo_debt debt;
    struct error ignored; /* not readable: whoever unwinds it says so */
    return undo_look(settling->directories->undo, job, &debt, &ignored) != STATUS_OK ||
           debt.due_ms <= clock_wall_ms();
}

/* No id is given twice, and what is done stays done: whoever still works on the job is about to
 * learn that, and has its lock until then. */
static enum status discard(struct settling *settling, const char *job, struct error *err)
{
    struct job_lock lock = JOB_LOCK_NONE;
    bool has_next = true;
    if (has_next_attempt(settling->store, job, &has_next, err) != STATUS_OK)
        return error_status(err);
    if (has_next || !is_due(settling, job))
        return STATUS_OK;
    if (job_lock_try(&lock, settling->directories->locks, job, err) != STATUS_OK)
        return error_status(err);
    enum status status = undo_discard(settling->directories->undo, job, err);
    job_lock_release(&lock);
    settling->settled++;
    return status;
}

static void settle(void *context, const char *job)
{
    struct settling *settling = context;
    struct error err = {0};
    if (discard(settling, job, &err) != STATUS_OK && settling->first.status == STATUS_OK)
        settling->first = err;
}

/* Pays hooks that have failed, since an application may stand still: whatever Redis says of the
 * job, as long as nobody works on it. A later job of the app holds its lock, see
 * pending_thaws.h. */
static enum status pay_hooks(struct settling *settling, const char *job, struct error *err)
{
    struct undo_debt debt;
    struct job_lock lock = JOB_LOCK_NONE;
    enum status status = undo_look(settling->directories->undo, job, &debt, err);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !debt.owes_hooks) ||
        (status == STATUS_OK && debt.due_ms > clock_wall_ms()))
        return STATUS_OK;
    if (job_lock_try(&lock, settling->directories->locks, job, err) != STATUS_OK)
        return err->status == STATUS_LOCKED ? STATUS_OK : err->status;
    status = undo_job(settling->directories->undo, job, err);
    job_lock_release(&lock);
    settling->settled += status == STATUS_OK;
    return status;
}

static void pay(void *context, const char *job)
{
    struct settling *settling = context;
    struct error err = {0};
    if (pay_hooks(settling, job, &err) != STATUS_OK && settling->first.status == STATUS_OK)
        settling->first = err;
}

static enum status settle_all(const struct node_config *node, struct settling *settling,
                              struct error *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = node_config_store_options(node);
    settling->directories = &node->directories;
    if (undo_each(node->directories.undo, pay, settling, err) != STATUS_OK ||
        store_open(&options, &store, err) != STATUS_OK)
        return error_status(err);
    settling->store = store;
    if (undo_each(node->directories.undo, settle, settling, err) != STATUS_OK)
        return error_status(err);
    if (settling->first.status == STATUS_OK)
        return STATUS_OK;
    *err = settling->first;
    return error_status(err);
}

int helper_clean_leftovers(const struct node_config *node)
{
    struct settling settling = {0};
    struct error err = {0};
    job_log_hooks();
    enum status status = settle_all(node, &settling, &err);
    if (settling.settled > 0)
        log_event(LOG_LEVEL_NOTICE, EVENT_UNWOUND, LOG_NUMBER("jobs", (int64_t)settling.settled));
    if (status == STATUS_OK)
        return EXIT_SUCCESS;
    if (status != STATUS_LOCKED && !status_is_transient(status)) /* Redis is away: told elsewhere */
        log_event(LOG_LEVEL_WARNING, EVENT_UNWIND_FAILED, LOG_TEXT("code", err.reason),
                  LOG_TEXT("reason", err.text));
    return EXIT_FAILURE;
}
