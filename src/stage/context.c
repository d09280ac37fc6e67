#include "context.h"

#include "core/cancel.h"
#include "core/path.h"
#include "snapshot/snapshot.h"
#include "stage/bucket.h"

#include <string.h>

enum status context_report(struct stage_context *context, struct error *err)
{
    const struct stage_plan *plan = context->plan;
    const struct stage_result *result = context->result;
    struct stage_report report = {
        .state = context->state,
        .stage = context->stage,
        .bytes_done = result->bytes_done,
        .bytes_total = result->bytes_total,
        .taken_ms = result->taken_ms,
        .hook_state = result->hook_state,
        .hook_state_details = result->hook_state_details,
        .state_details = result->state_details,
        .confirm = context->confirm,
        .volumes = context->volumes,
        .volume_count = context->is_planned ? context->volume_count : 0,
    };
    struct error refusal = {0};
    bool refused = plan->work.report != NULL &&
                   plan->work.report(plan->work.context, &report, &refusal) != STATUS_OK;
    if (context->committed)
        return STATUS_OK; /* too late for the caller to change its mind: only tidying up is left */
    if (refused) {
        *err = refusal;
        return error_status(err);
    }
    if (cancel_check(plan->work.cancel, err) != STATUS_OK)
        return err->status;
    return context->locked ? repository_refresh_lock(context->repository, err) : STATUS_OK;
}

static enum status check_pair(const char *one, const char *other, struct error *err)
{
    if (path_is_below(one, other) || path_is_below(other, one))
        return FAIL(err, STATUS_INVALID, "volumes '%s' and '%s' overlap", one, other);
    return STATUS_OK;
}

/* The configuration refuses it as well; but links and mounts may have changed since. */
static enum status check_apart(const char *volume, const char *other, const char *what,
                               struct error *err)
{
    struct error cause = {0};
    if (other == NULL || path_check_apart(volume, other, &cause) == STATUS_OK)
        return STATUS_OK;
    return FAIL_REASON(err, cause.status, REASON_CONFIGURATION_INVALID,
                       "volume '%s' and %s overlap: %s", volume, what, cause.text);
}

enum status context_check_volumes(const struct app_definition *app,
                                  const struct bucket_definition *bucket,
                                  const char *undo_directory, size_t *ret_count, struct error *err)
{
    size_t count = 0;
    for (; app->volumes != NULL && app->volumes[count] != NULL; count++) {
        if (app->volumes[count][0] != '/')
            return FAIL(err, STATUS_INVALID, "volume '%s': an absolute path is expected",
                        app->volumes[count]);
        for (size_t i = 0; i < count; i++)
            if (check_pair(app->volumes[i], app->volumes[count], err) != STATUS_OK)
                return err->status;
        if (check_apart(app->volumes[count], bucket->path, "the bucket's directory", err) !=
                STATUS_OK ||
            check_apart(app->volumes[count], undo_directory, "the undo directory", err) !=
                STATUS_OK)
            return err->status;
    }
    if (count == 0)
        return FAIL(err, STATUS_INVALID, "app '%s' has no volume", app->app.name);
    *ret_count = count;
    return STATUS_OK;
}

enum status context_walk(const struct stage_context *context, size_t volume, bool again,
                         struct walk_options *options, struct walk **ret_walk, struct error *err)
{
    const struct snapshot_plan *plan = &context->volumes[volume];
    *options = (struct walk_options){
        .volume = plan->volume,
        .exclude = context->exclude,
        .exclude_caches = context->plan->app->exclude_caches,
        .leaves = again ? NULL : &context->trails[volume],
        .follows = again ? &context->trails[volume] : NULL,
    };
    int fd = -1;
    if (snapshot_open(plan, &fd, err) != STATUS_OK)
        return FAIL_IN(err, "volume '%s'", plan->volume);
    return walk_open(options, fd, ret_walk, err);
}

enum status context_open_store(const struct work *work, struct object_store **ret_store,
                               struct error *err)
{
    const struct stage_bucket_use use = {
        .below = work->app_id, .cancel = work->cancel, .bandwidth = work->bandwidth};
    return stage_bucket_open(work->bucket, &use, ret_store, err);
}

/* A directory is near enough to be asked each time. */
static void know_distance(const struct bucket_definition *bucket, struct repository *repository)
{
    if (bucket_provider_is_s3(bucket->bucket.provider))
        repository_expect_latency(repository, bucket->s3.cache_directory);
}

static_assert((int)STAGE_KEY_BYTES == (int)REPOSITORY_KEY_BYTES, "the same key");

static enum status open_repository(const struct work *work, struct object_store *store, bool create,
                                   struct repository **ret_repository, struct error *err)
{
    struct stage_key *key = work->key;
    if (key != NULL && key->known) {
        enum status status = repository_open_with_key(store, key->bytes, ret_repository, err);
        if (status != STATUS_FORBIDDEN && status != STATUS_NOT_FOUND)
            return status;
        key->known = false;
    }
    enum status status =
        create ? repository_open_or_create(store, work->passphrase, ret_repository, err)
               : repository_open(store, work->passphrase, ret_repository, err);
    if (status == STATUS_OK && key != NULL) {
        repository_get_key(*ret_repository, key->bytes);
        key->known = true;
    }
    return status;
}

enum status context_open_repository(const struct work *work, struct object_store *store,
                                    bool create, struct repository **ret_repository,
                                    struct error *err)
{
    if (open_repository(work, store, create, ret_repository, err) != STATUS_OK)
        return error_status(err);
    know_distance(work->bucket, *ret_repository);
    return STATUS_OK;
}
