/*
 * Target: may a restore write to this directory?
 * Errors    FORBIDDEN, reason "target_forbidden": not below worker.restore_directories, or a
 *           symbolic link is on the way; NOT_FOUND: the directory of the configuration is not there
 */
#ifndef WORKER_TARGET_H
#define WORKER_TARGET_H

#include "config/config.h"
#include "core/error.h"

/* What is not there yet of the path is fine. */
enum status target_check(const struct config *config, const char *path, struct error *err)
    MUST_CHECK;

#endif
