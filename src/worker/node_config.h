/*
 * Node configuration: what every part of the worker reads from its node: the configuration, the
 * apps, and the worker's directories below the state directory, which have mode 0700:
 *   undo/             what to unwind when a job dies (undo/undo.h)
 *   jobs/<job>.lock   held by the process that works on the job (job_lock.h)
 * What the configuration's buckets keep beside them is made by those who use it: cache/ of S3
 * (repository/repository.h), seen-buckets/ of directories (access/bucket.h).
 */
#ifndef WORKER_NODE_CONFIG_H
#define WORKER_NODE_CONFIG_H

#include "config/config.h"
#include "core/cleanup.h"
#include "core/error.h"
#include "service/cgroups.h"
#include "store/store.h"

#include <limits.h>

struct node_directories {
    char undo[PATH_MAX];
    char locks[PATH_MAX];
};

struct node_config {
    struct config *config;
    struct config_apps *apps;
    struct node_directories directories;
};

/* Makes the directories that do not exist yet. Needs nothing but the state directory. */
enum status node_directories_init(struct node_directories *directories, const char *state_directory,
                                  struct error *err) MUST_CHECK;

enum status node_config_load(const char *config_path, struct node_config *ret_node,
                             struct error *err) MUST_CHECK;
void node_config_done(struct node_config *node); /* a struct of all zeros is fine */

/* What the group of a job may use. */
struct cgroup_limits node_config_job_limits(const struct node_config *node);

/* Borrows from the node's configuration. */
struct store_options node_config_store_options(const struct node_config *node);

#endif
