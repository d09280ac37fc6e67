#include "unwind.h"

#include "job_lock.h"
#include "stage/undo.h"

#include <stdlib.h>

enum status unwind_job(const struct places *places, const char *job, struct error *err)
{
    struct job_lock lock = JOB_LOCK_NONE;
    enum status status = job_lock_try(&lock, places->locks, job, err);
    if (status == STATUS_LOCKED)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = stage_undo_job(places->undo, job, err);
    job_lock_release(&lock);
    return status;
}

/* The locks of the jobs that are being unwound: kept to the end, so that none of them starts. */
struct unwinding {
    const struct places *places;
    struct job_lock *locks;
    size_t count;
};

static bool is_dead(void *context, const char *job)
{
    struct unwinding *unwinding = context;
    struct error err = {0};
    struct job_lock *grown =
        reallocarray(unwinding->locks, unwinding->count + 1, sizeof(*unwinding->locks));
    if (grown == NULL)
        return false; /* left for the next time, rather than unwound without a lock */
    unwinding->locks = grown;
    if (job_lock_try(&grown[unwinding->count], unwinding->places->locks, job, &err) != STATUS_OK)
        return false;
    unwinding->count++;
    return true;
}

enum status unwind_all(const struct places *places, size_t *ret_count, struct error *err)
{
    struct unwinding unwinding = {.places = places};
    enum status status = stage_undo_all(places->undo, is_dead, &unwinding, ret_count, err);
    for (size_t i = 0; i < unwinding.count; i++)
        job_lock_release(&unwinding.locks[i]);
    free(unwinding.locks);
    return status;
}
