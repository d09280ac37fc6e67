#include "stage/restore.h"

#include "commit.h"
#include "context.h"
#include "core/cleanup.h"
#include "core/file.h"
#include "core/point.h"
#include "model/detail.h"
#include "repository/snapshot.h"
#include "restore_inplace.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status check_plan(const struct stage_restore_plan *plan, struct error *err)
{
    if (!id_is_valid(plan->job) || !id_is_valid(plan->backup) || !id_is_valid(plan->work.app_id))
        return FAIL(err, STATUS_INVALID, "ids of job, backup and app are expected");
    if (plan->target != NULL && plan->target[0] != '/')
        return FAIL(err, STATUS_INVALID, "target '%s': an absolute path is expected", plan->target);
    if (plan->target == NULL && plan->includes != NULL && plan->includes[0] != NULL)
        return FAIL_REASON(err, STATUS_INVALID, REASON_INCLUDE_NEEDS_TARGET,
                           "in place a volume is restored whole: for a part of it name a target");
    return STATUS_OK;
}

/* Without a lock a prune could take packs away under us; but a bucket that is full or that can only
 * be read must not keep anybody from his data. */
static enum status start_lock(struct restore *restore, struct error *err)
{
    enum status status =
        repository_start_lock(restore->repository, false, restore->plan->work.cancel, err);
    restore->locked = status == STATUS_OK;
    if (status != STATUS_NO_SPACE && status != STATUS_FORBIDDEN)
        return status;
    detail_add(restore->result->state_details, REASON_NOT_LOCKED, "Repository not locked",
               err->text, NULL);
    return STATUS_OK;
}

static enum status open_store(struct restore *restore, struct error *err)
{
    const struct work *work = &restore->plan->work;
    if (context_open_store(work, &restore->store, err) != STATUS_OK ||
        context_open_repository(work, restore->store, false, &restore->repository, err) !=
            STATUS_OK)
        return err->status;
    return start_lock(restore, err);
}

struct tree_search {
    struct blob_id snapshot, tree;
    bool found;
};

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err UNUSED)
{
    struct tree_search *search = context;
    if (memcmp(&snapshot->id, &search->snapshot, sizeof(snapshot->id)) == 0) {
        search->tree = snapshot->tree;
        search->found = true;
    }
    return STATUS_OK;
}

/* That some other snapshot file is damaged is no reason not to use this one. */
static enum status find_by_id(struct restore *restore, const struct blob_id *id, bool *ret_found,
                              struct error *err)
{
    struct tree_search search = {.snapshot = *id};
    enum status status = repository_list_snapshots(restore->repository, on_snapshot, &search, err);
    *ret_found = search.found;
    if (!search.found)
        return status;
    restore->root = search.tree;
    blob_id_to_text(id, restore->result->repository_snapshot);
    return STATUS_OK;
}

static enum status find_recorded(struct restore *restore, bool *ret_found, struct error *err)
{
    struct blob_id id;
    const char *text = restore->plan->snapshot;
    if (text == NULL)
        return STATUS_OK;
    if (!blob_id_from_text(text, &id))
        return FAIL(err, STATUS_INVALID, "snapshot '%.80s': 64 digits are expected", text);
    enum status status = find_by_id(restore, &id, ret_found, err);
    return repository_snapshot_is_unreadable(status) ? STATUS_OK : status;
}

static enum status find_by_tag(struct restore *restore, bool *ret_found, struct error *err)
{
    struct blob_id id;
    char tag[COMMIT_TAG_SIZE];
    commit_tag(restore->plan->backup, tag);
    if (repository_find_snapshot(restore->repository, tag, &id, ret_found, err) != STATUS_OK)
        return err->status;
    return *ret_found ? find_by_id(restore, &id, ret_found, err) : STATUS_OK;
}

/* `restic tag` and `restic rewrite` store a snapshot anew, under another id; the tag stays. */
static enum status find_snapshot(struct restore *restore, struct error *err)
{
    bool found = false;
    if (find_recorded(restore, &found, err) != STATUS_OK)
        return err->status;
    if (!found && find_by_tag(restore, &found, err) != STATUS_OK)
        return err->status;
    if (found)
        return STATUS_OK;
    const char *recorded = restore->plan->snapshot;
    return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_SNAPSHOT_MISSING,
                       "neither snapshot %.80s nor one of backup %s is in the repository",
                       recorded == NULL ? "(unknown)" : recorded, restore->plan->backup);
}

static enum status stage_open(struct restore *restore, struct error *err)
{
    const struct cancel *cancel = restore->plan->work.cancel;
    struct error failure = {0};
    size_t volumes = 0;
    if (restore->plan->target == NULL && inplace_check_volumes(restore, &volumes, err) != STATUS_OK)
        return err->status;
    if (open_store(restore, err) != STATUS_OK)
        return err->status;
    enum status status = find_snapshot(restore, &failure);
    if (status == STATUS_OK)
        status = repository_load_index(restore->repository, cancel, &failure);
    /* A prune that goes on beside us is the better reason for what is missing. */
    if (restore->locked && repository_finish_lock(restore->repository, cancel, err) != STATUS_OK)
        return err->status;
    if (status != STATUS_OK)
        *err = failure;
    return status;
}

static enum status plan_target(struct restore *restore, struct error *err)
{
    const char *target = restore->plan->target;
    if (file_make_directories(target, 0755, err) != STATUS_OK ||
        restore_open_directory(target, &restore->target_fd, err) != STATUS_OK)
        return FAIL_IN(err, "target");
    return restore_plan_tree(restore, restore->target_fd, NULL, err);
}

static enum status stage_plan(struct restore *restore, struct error *err)
{
    enum status status =
        restore->plan->target == NULL ? inplace_plan(restore, err) : plan_target(restore, err);
    if (status != STATUS_OK)
        return status;
    restore->result->bytes_total = (int64_t)restore->bytes_total;
    return restore_report(restore, err);
}

struct restore_stage {
    const char *name;
    enum status (*run)(struct restore *restore, struct error *err);
};

static const struct restore_stage target_stages[] = {
    {"open", stage_open},         {"plan", stage_plan},       {"check", restore_check_files},
    {"restore", restore_content}, {"finish", restore_finish},
};

static const struct restore_stage inplace_stages[] = {
    {"open", stage_open},
    {"pre-restore", inplace_pre_restore},
    {"plan", stage_plan},
    {"check", restore_check_files},
    {"restore", restore_content},
    {"finish", restore_finish},
    {"swap", inplace_swap},
    {"carry", inplace_carry},
    {"post-restore", inplace_post_restore},
    {"cleanup", inplace_cleanup},
};

static void pass_end_of(const char *stage)
{
    char name[POINT_NAME_SIZE];
    (void)snprintf(name, sizeof(name), "%.24s-done", stage);
    point_pass(name);
}

static enum status run_stages(struct restore *restore, const struct restore_stage *stages,
                              size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        restore->stage = stages[i].name;
        if (restore_report(restore, err) != STATUS_OK)
            return FAIL_IN(err, "%s", stages[i].name);
        point_pass(stages[i].name);
        if (stages[i].run(restore, err) != STATUS_OK)
            return FAIL_IN(err, "%s", stages[i].name);
        pass_end_of(stages[i].name);
    }
    return STATUS_OK;
}

static enum status restore_to_target(struct restore *restore, struct error *err)
{
    enum status status =
        run_stages(restore, target_stages, sizeof(target_stages) / sizeof(target_stages[0]), err);
    return status == STATUS_OK ? restore_problems_check(&restore->problems, err) : status;
}

static enum status restore_in_place(struct restore *restore, struct error *err)
{
    bool swapped = false;
    if (inplace_take_over(restore, &swapped, err) != STATUS_OK)
        return err->status; /* its record stays as it is */
    if (swapped) {
        restore->committed = true;
        restore->stage = "cleanup";
        return inplace_cleanup(restore, err);
    }
    enum status status = run_stages(restore, inplace_stages,
                                    sizeof(inplace_stages) / sizeof(inplace_stages[0]), err);
    if (status != STATUS_OK)
        inplace_undo(restore, err);
    inplace_done(restore);
    return status;
}

static void restore_done(struct restore *restore)
{
    struct error ignored = {0};
    if (restore->result->bytes_total >= 0)
        restore->result->bytes_done = (int64_t)atomic_load(&restore->bytes_done);
    restore_problems_finish(&restore->problems, restore->result->state_details);
    if (restore->locked && repository_unlock(restore->repository, &ignored) != STATUS_OK) {
        /* The next one on this host removes it, once this process is gone. */
    }
    if (restore->target_fd >= 0)
        (void)close(restore->target_fd);
    repository_close(restore->repository);
    object_store_close(restore->store);
    exclude_free(restore->include);
    undo_record_done(&restore->record);
    restore_tree_done(&restore->tree);
    restore_problems_done(&restore->problems);
}

static enum status make_include(struct restore *restore, struct error *err)
{
    const char *const *includes = restore->plan->includes;
    if (includes == NULL || includes[0] == NULL)
        return STATUS_OK;
    return exclude_new(includes, &restore->include, err);
}

enum status stage_restore_run(const struct stage_restore_plan *plan, struct stage_result *result,
                              struct error *err)
{
    struct restore restore = {.plan = plan, .result = result, .stage = "open", .target_fd = -1};
    if (check_plan(plan, err) != STATUS_OK)
        return err->status;
    restore_tree_init(&restore.tree);
    restore_problems_init(&restore.problems);
    enum status status = make_include(&restore, err);
    if (status == STATUS_OK)
        status = plan->target == NULL ? restore_in_place(&restore, err)
                                      : restore_to_target(&restore, err);
    restore_done(&restore);
    return status;
}
