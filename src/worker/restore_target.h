/*
 * Restore target: may a restore write to this directory?
 *
 * Errors    FORBIDDEN, reason "target_forbidden": it is not below worker.restore_directories, or a
 *           symbolic link is on the way. NOT_FOUND: the directory of the configuration is not
 *           there.
 */
#ifndef WORKER_RESTORE_TARGET_H
#define WORKER_RESTORE_TARGET_H

#include "config/config.h"
#include "core/error.h"

/* The end of the path need not exist yet. */
enum status restore_target_check(const struct config *config, const char *path, struct error *err)
    MUST_CHECK;

#endif
