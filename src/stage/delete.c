/* Delete: forgets what a backup has in its repository. The data goes with the next prune. */
#include "commit.h"
#include "context.h"
#include "repository/snapshot.h"
#include "stage/backup.h"
#include "stage/point.h"

enum {
    /* One backup has one snapshot; a second is what two attempts might leave that knew nothing of
     * each other. */
    DELETE_SNAPSHOTS_MAX = 16
};

static enum status open_existing(const struct stage_plan *plan, struct object_store *store,
                                 struct repository **ret_repository, bool *ret_exists,
                                 struct error *err)
{
    enum status status = context_open_repository(plan, store, false, ret_repository, err);
    *ret_exists = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status remove_all(struct repository *repository, const struct stage_plan *plan,
                              const char *tag, struct error *err)
{
    for (int i = 0; i < DELETE_SNAPSHOTS_MAX; i++) {
        struct blob_id id;
        bool found = false;
        if (cancel_check(plan->cancel, err) != STATUS_OK ||
            repository_refresh_lock(repository, err) != STATUS_OK ||
            repository_find_snapshot(repository, tag, &id, &found, err) != STATUS_OK)
            return err->status;
        if (!found)
            return STATUS_OK;
        stage_point("delete");
        if (repository_remove_snapshot(repository, &id, err) != STATUS_OK)
            return err->status;
    }
    return FAIL(err, STATUS_CONFLICT, "more than %d snapshots have the tag '%s'",
                DELETE_SNAPSHOTS_MAX, tag);
}

/* The lock shuts out everybody else: not taken where there is nothing to remove. */
static enum status forget(struct repository *repository, const struct stage_plan *plan,
                          struct error *err)
{
    char tag[COMMIT_TAG_SIZE];
    commit_tag(plan->backup, tag);
    struct blob_id id;
    bool found = false;
    if (repository_find_snapshot(repository, tag, &id, &found, err) != STATUS_OK)
        return err->status;
    if (!found)
        return STATUS_OK;
    if (repository_lock(repository, true, plan->cancel, err) != STATUS_OK)
        return err->status;
    enum status status = remove_all(repository, plan, tag, err);
    struct error second = {0};
    if (repository_unlock(repository, &second) == STATUS_OK || status != STATUS_OK)
        return status;
    *err = second;
    return error_status(err);
}

enum status stage_delete_run(const struct stage_plan *plan, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    bool exists = false;
    if (context_open_store(plan, &store, err) != STATUS_OK ||
        open_existing(plan, store, &repository, &exists, err) != STATUS_OK)
        return FAIL_IN(err, "delete");
    if (exists && forget(repository, plan, err) != STATUS_OK)
        return FAIL_IN(err, "delete");
    return STATUS_OK;
}
