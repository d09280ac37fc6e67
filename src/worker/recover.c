#include "config/config.h"
#include "core/log.h"
#include "helper_process.h"
#include "job_lock.h"
#include "job_log.h"
#include "model/event.h"
#include "unwind.h"
#include "worker/worker.h"

#include <stdlib.h>

/* While a supervisor runs, its jobs keep what they need. */
static enum status unwind_what_is_left(const struct node_directories *directories,
                                       size_t *ret_count, struct error *err)
{
    struct job_lock lock = JOB_LOCK_NONE;
    enum status status = job_lock_try(&lock, directories->locks, "supervisor", err);
    if (status == STATUS_LOCKED)
        return unwind_all(directories, ret_count, err);
    if (status != STATUS_OK)
        return status;
    job_lock_release(&lock); /* not kept: a worker may start meanwhile */
    return unwind_orphans(directories, ret_count, err);
}

/* Only the state directory is needed: neither a broken app file, nor a secret or a Redis that is
 * away may keep an application frozen. A broken configuration may not do so
 * either, where the service manager says which directory it is. */
static enum status find_directories(const char *config_path,
                                    struct node_directories *ret_directories, struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    if (config_load_public(config_path, &config, err) == STATUS_OK)
        return node_directories_init(ret_directories, config->state_directory, err);
    const char *directory = getenv("STATE_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    if (directory == NULL || *directory == '\0')
        return error_status(err);
    log_text(LOG_LEVEL_WARNING, "configuration not usable, recovering in the unit's directory",
             LOG_TEXT("directory", directory), LOG_TEXT("reason", err->text));
    return node_directories_init(ret_directories, directory, err);
}

/* What a restore has replaced and cannot remove keeps nobody from anything: all else is unwound. */
static enum status accept_leftovers(enum status status, const struct error *err)
{
    if (status == STATUS_OK || !error_is(err, REASON_OLD_LEFT))
        return status;
    log_event(LOG_LEVEL_WARNING, EVENT_UNWIND_FAILED, LOG_TEXT("code", err->reason),
              LOG_TEXT("reason", err->text));
    return STATUS_OK;
}

enum status worker_recover(const char *config_path, struct error *err)
{
    struct node_directories directories;
    job_log_hooks();
    if (find_directories(config_path, &directories, err) != STATUS_OK)
        return error_status(err);

    size_t count = 0;
    enum status status = unwind_what_is_left(&directories, &count, err);
    if (accept_leftovers(status, err) != STATUS_OK)
        return FAIL_IN(err, "unwind what dead jobs left");
    if (count > 0)
        log_event(LOG_LEVEL_NOTICE, EVENT_UNWOUND, LOG_NUMBER("jobs", (int64_t)count));
    return STATUS_OK;
}

/* Recovery: unwinds what the supervisor finds when it starts. The hooks of an application may take
 * long, and other jobs need not wait. A job that is being unwound is locked, so its next attempt
 * waits. */
int helper_recover(const struct node_config *node)
{
    struct error err = {0};
    size_t count = 0;
    job_log_hooks();
    if (accept_leftovers(unwind_due(&node->directories, &count, &err), &err) != STATUS_OK) {
        log_event(LOG_LEVEL_ERROR, EVENT_UNWIND_FAILED, LOG_TEXT("code", err.reason),
                  LOG_TEXT("reason", err.text));
        return EXIT_FAILURE;
    }
    if (count > 0)
        log_event(LOG_LEVEL_NOTICE, EVENT_UNWOUND, LOG_NUMBER("jobs", (int64_t)count));
    return EXIT_SUCCESS;
}
