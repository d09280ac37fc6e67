#include "access/tags.h"
#include "core/point.h"
#include "maintenance/maintenance.h"
#include "repository/snapshot.h"

enum {
    /* One backup has one snapshot; a second is what two attempts might leave that knew nothing of
     * each other. */
    DELETE_SNAPSHOTS_MAX = 16
};

/* What there is to remove. */
struct target {
    struct repository *repository;
    char tag[TAG_SIZE];
    bool is_recorded; /* by this id */
    struct blob_id recorded;
};

/* The recorded one goes by its id, whatever is in it; then all that have the tag. One that cannot
 * be read is taken for another backup's: it may not keep this one from going. */
static enum status find_next(const struct target *target, struct blob_id *ret_id, bool *ret_found,
                             struct error *err)
{
    *ret_found = false;
    *ret_id = target->recorded;
    if (target->is_recorded &&
        repository_has_snapshot(target->repository, &target->recorded, ret_found, err) != STATUS_OK)
        return error_status(err);
    if (*ret_found)
        return STATUS_OK;
    enum status status =
        repository_find_snapshot(target->repository, target->tag, ret_id, ret_found, err);
    return repository_snapshot_is_unreadable(status) ? STATUS_OK : status;
}

static enum status remove_all(const struct target *target, const struct forget_plan *plan,
                              struct error *err)
{
    for (int i = 0; i < DELETE_SNAPSHOTS_MAX; i++) {
        struct blob_id id;
        bool found = false;
        if (cancel_check(plan->work.cancel, err) != STATUS_OK ||
            repository_refresh_lock(target->repository, err) != STATUS_OK ||
            find_next(target, &id, &found, err) != STATUS_OK)
            return error_status(err);
        if (!found)
            return STATUS_OK;
        point_pass("delete");
        if (repository_remove_snapshot(target->repository, &id, err) != STATUS_OK)
            return error_status(err);
    }
    return FAIL(err, STATUS_CONFLICT, "more than %d snapshots have the tag '%s'",
                DELETE_SNAPSHOTS_MAX, target->tag);
}

static enum status set_target(const struct forget_plan *plan, struct target *target,
                              struct error *err)
{
    const char *snapshot = plan->snapshot == NULL ? "" : plan->snapshot;
    tag_write(TAG_BACKUP, plan->backup, target->tag);
    target->is_recorded = snapshot[0] != '\0';
    if (target->is_recorded && !blob_id_from_text(snapshot, &target->recorded))
        return FAIL(err, STATUS_INVALID, "snapshot '%.80s': 64 digits are expected", snapshot);
    return STATUS_OK;
}

/* The lock shuts out everybody else: not taken where there is nothing to remove. */
static enum status forget(struct repository *repository, const struct forget_plan *plan,
                          struct error *err)
{
    struct target target = {.repository = repository};
    struct blob_id id;
    bool found = false;
    if (set_target(plan, &target, err) != STATUS_OK ||
        find_next(&target, &id, &found, err) != STATUS_OK)
        return error_status(err);
    if (!found)
        return STATUS_OK;
    if (repository_lock(repository, true, plan->work.cancel, err) != STATUS_OK)
        return error_status(err);
    return work_unlock(repository, remove_all(&target, plan, err), err);
}

enum status forget_run(const struct forget_plan *plan, struct error *err)
{
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    if (work_open_existing(&plan->work, &store, &repository, err) != STATUS_OK)
        return FAIL_IN(err, "delete");
    if (repository != NULL && forget(repository, plan, err) != STATUS_OK)
        return FAIL_IN(err, "delete");
    return STATUS_OK;
}
