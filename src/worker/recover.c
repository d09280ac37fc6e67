#include "config/config.h"
#include "core/log.h"
#include "job_lock.h"
#include "job_log.h"
#include "model/event.h"
#include "places.h"
#include "unwind.h"
#include "worker/worker.h"

#include <stdlib.h>

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

/* Only the state directory is needed: neither a broken app file, nor a secret or a Redis that is
 * away may keep an application frozen. Nor may a broken configuration, where the service manager
 * says which directory it is. */
static enum status find_places(const char *config_path, struct places *ret_places,
                               struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    if (config_load_public(config_path, &config, err) == STATUS_OK)
        return places_init(ret_places, config->state_directory, err);
    const char *directory = getenv("STATE_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    if (directory == NULL || *directory == '\0')
        return err->status;
    log_text(LOG_LEVEL_WARNING, "configuration not usable, recovering in the unit's directory",
             LOG_TEXT("directory", directory), LOG_TEXT("reason", err->text));
    return places_init(ret_places, directory, err);
}

enum status worker_recover(const char *config_path, struct error *err)
{
    struct places places;
    job_log_hooks();
    if (find_places(config_path, &places, err) != STATUS_OK)
        return err->status;

    size_t count = 0;
    if (unwind_what_is_left(&places, &count, err) != STATUS_OK)
        return FAIL_IN(err, "unwind what dead jobs left");
    if (count > 0)
        log_event(LOG_LEVEL_NOTICE, EVENT_UNWOUND, LOG_NUMBER("jobs", (int64_t)count));
    return STATUS_OK;
}
