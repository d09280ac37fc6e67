#include "config/config.h"
#include "core/log.h"
#include "job_lock.h"
#include "places.h"
#include "unwind.h"
#include "worker/worker.h"

/* While a supervisor runs, what its jobs need is theirs. */
static enum status unwind_what_is_left(const struct places *places, size_t *ret_count,
                                       struct error *err)
{
    struct job_lock lock = JOB_LOCK_NONE;
    enum status status = job_lock_try(&lock, places->locks, "supervisor", err);
    if (status == STATUS_LOCKED)
        return unwind_all(places, ret_count, err);
    if (status != STATUS_OK)
        return status;
    job_lock_release(&lock); /* not kept: a worker may start meanwhile */
    return unwind_orphans(places, ret_count, err);
}

/* Only the state directory is needed: neither a broken app file nor an absent Redis may keep an
 * application frozen. */
enum status worker_recover(const char *config_path, struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct places places;
    if (config_load(config_path, &config, err) != STATUS_OK)
        return err->status;
    if (places_init(&places, config->state_directory, err) != STATUS_OK)
        return err->status;

    size_t count = 0;
    if (unwind_what_is_left(&places, &count, err) != STATUS_OK)
        return FAIL_IN(err, "unwind what dead jobs left");
    if (count > 0)
        log_event(LOG_LEVEL_NOTICE, "unwound what dead jobs left",
                  LOG_NUMBER("jobs", (int64_t)count));
    return STATUS_OK;
}
