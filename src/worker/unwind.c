#include "unwind.h"

#include "core/clock.h"
#include "job_lock.h"
#include "service/notify.h"
#include "undo/undo.h"

#include <stdlib.h>

/* Hooks have deadlines of their own; a stop that takes long is better than an application that
 * stays frozen. */
enum { HOOKS_PATIENCE_MS = 3600 * 1000 };

enum status unwind_job(const struct node_directories *directories, const char *job,
                       struct error *err)
{
    struct job_lock lock = JOB_LOCK_NONE;
    enum status status = job_lock_try(&lock, directories->locks, job, err);
    if (status == STATUS_LOCKED)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = undo_job(directories->undo, job, err);
    job_lock_release(&lock);
    return status;
}

/* The locks of the jobs that are being unwound are kept to the end, so that none of them starts. */
struct unwinding {
    const struct node_directories *directories;
    int64_t
        deadline_ms; /* monotonic: until then whoever works on a job is waited for; 0: not at all */
    bool only_due;   /* what has just been tried in vain is left for later */
    struct job_lock *locks;
    size_t count;
};

/* What cannot be read is due: whoever unwinds it says why. */
static bool is_due(const struct unwinding *unwinding, const char *job)
{
    struct undo_debt debt;
    struct error ignored;
    return !unwinding->only_due ||
           undo_look(unwinding->directories->undo, job, &debt, &ignored) != STATUS_OK ||
           debt.due_ms <= clock_wall_ms();
}

static enum status take_lock(const struct unwinding *unwinding, const char *job,
                             struct job_lock *lock, struct error *err)
{
    const char *directory = unwinding->directories->locks;
    if (unwinding->deadline_ms == 0)
        return job_lock_try(lock, directory, job, err);
    return job_lock_take(lock, directory, job, clock_left_ms(unwinding->deadline_ms), err);
}

static bool is_dead(void *context, const char *job)
{
    struct unwinding *unwinding = context;
    struct error err = {0};
    struct job_lock *grown =
        reallocarray(unwinding->locks, unwinding->count + 1, sizeof(*unwinding->locks));
    if (grown == NULL)
        return false; /* left for the next time, rather than unwound without a lock */
    unwinding->locks = grown;
    if (!is_due(unwinding, job) ||
        take_lock(unwinding, job, &grown[unwinding->count], &err) != STATUS_OK)
        return false;
    unwinding->count++;
    notify_patience(HOOKS_PATIENCE_MS);
    return true;
}

static enum status unwind(struct unwinding *unwinding, size_t *ret_count, struct error *err)
{
    enum status status = undo_all(unwinding->directories->undo, is_dead, unwinding, ret_count, err);
    for (size_t i = 0; i < unwinding->count; i++)
        job_lock_release(&unwinding->locks[i]);
    free(unwinding->locks);
    return status;
}

enum status unwind_all(const struct node_directories *directories, size_t *ret_count,
                       struct error *err)
{
    struct unwinding unwinding = {.directories = directories};
    return unwind(&unwinding, ret_count, err);
}

enum status unwind_due(const struct node_directories *directories, size_t *ret_count,
                       struct error *err)
{
    struct unwinding unwinding = {.directories = directories, .only_due = true};
    return unwind(&unwinding, ret_count, err);
}

enum status unwind_orphans(const struct node_directories *directories, size_t *ret_count,
                           struct error *err)
{
    struct unwinding unwinding = {.directories = directories,
                                  .deadline_ms = clock_mono_ms() + UNWIND_PATIENCE_MS};
    notify_patience(UNWIND_PATIENCE_MS + HOOKS_PATIENCE_MS);
    return unwind(&unwinding, ret_count, err);
}
