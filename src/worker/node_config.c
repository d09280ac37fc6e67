#include "node_config.h"

#include "core/file.h"

#include <stdio.h>

static enum status make_below(char path[PATH_MAX], const char *state_directory, const char *name,
                              struct error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", state_directory, name) >= PATH_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "state directory '%s': the path is too long",
                    state_directory);
    return file_make_directories(path, 0700, err);
}

enum status node_directories_init(struct node_directories *directories, const char *state_directory,
                                  struct error *err)
{
    if (make_below(directories->undo, state_directory, "undo", err) != STATUS_OK)
        return FAIL_IN(err, "state directory");
    if (make_below(directories->locks, state_directory, "jobs", err) != STATUS_OK)
        return FAIL_IN(err, "state directory");
    return STATUS_OK;
}

enum status node_config_load(const char *config_path, struct node_config *ret_node,
                             struct error *err)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(config_apps_freep) struct config_apps *apps = NULL;
    struct node_config node = {0};

    if (config_load(config_path, &config, err) != STATUS_OK)
        return error_status(err);
    if (config_load_apps(config, &apps, err) != STATUS_OK)
        return error_status(err);
    if (node_directories_init(&node.directories, config->state_directory, err) != STATUS_OK)
        return error_status(err);
    node.config = STEAL(config);
    node.apps = STEAL(apps);
    *ret_node = node;
    return STATUS_OK;
}

void node_config_done(struct node_config *node)
{
    config_apps_free(node->apps);
    config_free(node->config);
    *node = (struct node_config){0};
}

struct store_options node_config_store_options(const struct node_config *node)
{
    const struct config_redis *redis = &node->config->redis;
    return (struct store_options){
        .address = redis->address,
        .username = redis->username,
        .password = redis->password,
        .database = (int)redis->database,
        .timeout_ms = redis->timeout_ms,
    };
}

struct cgroup_limits node_config_job_limits(const struct node_config *node)
{
    const struct config_worker *worker = &node->config->worker;
    return (struct cgroup_limits){
        .cpu_weight = worker->job_cpu_weight,
        .io_weight = worker->job_io_weight,
        .memory_high_bytes = worker->job_memory_high_bytes,
    };
}
