#include "access/work.h"

#include "access/bucket.h"

enum status work_result_init(struct work_result *result, struct error *err)
{
    *result = (struct work_result){
        .bytes_done = -1,
        .bytes_total = -1,
        .hook_state_details = json_array(),
        .state_details = json_array(),
    };
    if (result->hook_state_details != NULL && result->state_details != NULL)
        return STATUS_OK;
    work_result_done(result);
    return FAIL(err, STATUS_NO_MEMORY, "result of a job");
}

void work_result_done(struct work_result *result)
{
    json_decref(result->hook_state_details);
    json_decref(result->state_details);
    *result = (struct work_result){0};
}

enum status work_report_stage(const struct work *work, const char *stage,
                              const struct work_result *result, struct error *err)
{
    const struct work_report report = {
        .state = BACKUP_RUNNING,
        .stage = stage,
        .bytes_done = result->bytes_done,
        .bytes_total = result->bytes_total,
        .state_details = result->state_details,
    };
    if (work->report != NULL && work->report(work->context, &report, err) != STATUS_OK)
        return error_status(err);
    return cancel_check(work->cancel, err);
}

enum status work_open_store(const struct work *work, struct object_store **ret_store,
                            struct error *err)
{
    const struct access_bucket_use use = {
        .below = work->app_id, .cancel = work->cancel, .bandwidth = work->bandwidth};
    return access_bucket_open(work->bucket, &use, ret_store, err);
}

/* A directory is near enough to be asked each time. */
static void know_distance(const struct bucket_definition *bucket, struct repository *repository)
{
    if (bucket_provider_is_s3(bucket->bucket.provider))
        repository_expect_latency(repository, bucket->s3.cache_directory);
}

static_assert((int)WORK_KEY_BYTES == (int)REPOSITORY_KEY_BYTES, "the same key");

static enum status open_repository(const struct work *work, struct object_store *store, bool create,
                                   struct repository **ret_repository, struct error *err)
{
    struct work_key *key = work->key;
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

/* That there is none is said after a second look: it means that all backups are gone. */
static enum status check_absent(struct object_store *store, struct error *err)
{
    struct error cause = *err;
    bool gone = false;
    if (object_store_is_gone(store, "config", &gone, err) != STATUS_OK)
        return error_status(err);
    if (!gone)
        return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                           "the bucket had no config of the repository, and has one now");
    *err = cause;
    return error_status(err);
}

enum status work_open_repository(const struct work *work, struct object_store *store, bool create,
                                 struct repository **ret_repository, struct error *err)
{
    enum status status = open_repository(work, store, create, ret_repository, err);
    if (status == STATUS_NOT_FOUND)
        return check_absent(store, err);
    if (status != STATUS_OK)
        return status;
    know_distance(work->bucket, *ret_repository);
    return STATUS_OK;
}

enum status work_open_existing(const struct work *work, struct object_store **ret_store,
                               struct repository **ret_repository, struct error *err)
{
    *ret_repository = NULL;
    if (work_open_store(work, ret_store, err) != STATUS_OK)
        return error_status(err);
    enum status status = work_open_repository(work, *ret_store, false, ret_repository, err);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status work_unlock(struct repository *repository, enum status worked, struct error *err)
{
    struct error second = {0};
    if (repository_unlock(repository, &second) == STATUS_OK || worked != STATUS_OK)
        return worked;
    *err = second;
    return error_status(err);
}
