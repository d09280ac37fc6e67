#include "restore/restore.h"

#include "access/tags.h"
#include "core/cleanup.h"
#include "inplace.h"
#include "model/detail.h"
#include "repository/snapshot.h"
#include "target.h"
#include "undo/operation.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum status check_plan(const struct restore_plan *plan, struct error *err)
{
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
    enum status status = repository_start_lock(restore->operation.repository, false,
                                               restore->plan->work.cancel, err);
    restore->operation.locked = status == STATUS_OK;
    if (status != STATUS_NO_SPACE && status != STATUS_FORBIDDEN &&
        (status == STATUS_OK || !error_is(err, REASON_BUCKET_READ_ONLY)))
        return status;
    detail_add(restore->operation.result->state_details, REASON_NOT_LOCKED, "Repository not locked",
               err->text, NULL);
    return STATUS_OK;
}

static enum status open_store(struct restore *restore, struct error *err)
{
    struct operation *operation = &restore->operation;
    if (work_open_store(operation->work, &operation->store, err) != STATUS_OK ||
        work_open_repository(operation->work, operation->store, false, &operation->repository,
                             err) != STATUS_OK)
        return error_status(err);
    return start_lock(restore, err);
}

struct tree_search {
    struct blob_id snapshot, tree;
    uint64_t bytes, entries;
    bool found;
};

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err UNUSED)
{
    struct tree_search *search = context;
    if (memcmp(&snapshot->id, &search->snapshot, sizeof(snapshot->id)) == 0) {
        search->tree = snapshot->tree;
        search->bytes = snapshot->bytes;
        search->entries = snapshot->files + snapshot->directories;
        search->found = true;
    }
    return STATUS_OK;
}

/* That some other snapshot file is damaged is no reason not to use this one. */
static enum status find_by_id(struct restore *restore, const struct blob_id *id, bool *ret_found,
                              struct error *err)
{
    struct tree_search search = {.snapshot = *id};
    enum status status =
        repository_list_snapshots(restore->operation.repository, on_snapshot, &search, err);
    *ret_found = search.found;
    if (!search.found)
        return status;
    restore->root = search.tree;
    restore->snapshot_bytes = search.bytes;
    restore->snapshot_entries = search.entries;
    blob_id_to_text(id, restore->operation.result->repository_snapshot);
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
    char tag[TAG_SIZE];
    tag_write(TAG_BACKUP, restore->plan->backup, tag);
    if (repository_find_snapshot(restore->operation.repository, tag, &id, ret_found, err) !=
        STATUS_OK)
        return error_status(err);
    return *ret_found ? find_by_id(restore, &id, ret_found, err) : STATUS_OK;
}

/* `restic tag` and `restic rewrite` store a snapshot anew, under another id; the tag stays. */
static enum status find_snapshot(struct restore *restore, struct error *err)
{
    bool found = false;
    if (find_recorded(restore, &found, err) != STATUS_OK)
        return error_status(err);
    if (!found && find_by_tag(restore, &found, err) != STATUS_OK)
        return error_status(err);
    if (found)
        return STATUS_OK;
    const char *recorded = restore->plan->snapshot;
    return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_SNAPSHOT_MISSING,
                       "neither snapshot %.80s nor one of backup %s is in the repository",
                       recorded == NULL ? "(unknown)" : recorded, restore->plan->backup);
}

static enum status open_stage(void *owner, struct error *err)
{
    struct restore *restore = owner;
    const struct cancel *cancel = restore->plan->work.cancel;
    struct error failure = {0};
    size_t volumes = 0;
    if (restore->plan->target == NULL &&
        operation_check_volumes(&restore->operation, &volumes, err) != STATUS_OK)
        return error_status(err);
    if (open_store(restore, err) != STATUS_OK)
        return error_status(err);
    enum status status = find_snapshot(restore, &failure);
    if (status == STATUS_OK)
        status = repository_load_index(restore->operation.repository, cancel, &failure);
    /* A prune that goes on beside us is the better reason for what is missing. */
    if (restore->operation.locked &&
        repository_finish_lock(restore->operation.repository, cancel, err) != STATUS_OK)
        return error_status(err);
    if (status != STATUS_OK) {
        *err = failure;
        return status;
    }
    return restore->plan->target == NULL ? inplace_look_for_room(restore, true, err) : STATUS_OK;
}

static enum status plan_target(struct restore *restore, struct error *err)
{
    const struct restore_plan *wanted = restore->plan;
    if (target_open(restore, wanted->target, wanted->overwrite, err) != STATUS_OK ||
        restore_plan_tree(restore, restore->target_fd, NULL, err) != STATUS_OK)
        return error_status(err);
    if (restore->include == NULL || restore->any_included ||
        restore_problems_missing(&restore->problems) > 0)
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_NOTHING_INCLUDED,
                       "nothing in the backup matches '%.200s'%s", wanted->includes[0],
                       wanted->includes[1] == NULL ? "" : " or one of the other patterns");
}

static enum status plan_stage(void *owner, struct error *err)
{
    struct restore *restore = owner;
    enum status status =
        restore->plan->target == NULL ? inplace_plan(restore, err) : plan_target(restore, err);
    if (status != STATUS_OK)
        return status;
    restore->operation.result->bytes_total = (int64_t)restore->bytes_total;
    return operation_report(&restore->operation, err);
}

/* clang-format off */
static const struct pipeline_stage target_stages[] = {
    {"open",    open_stage,          NULL},
    {"plan",    plan_stage,          NULL},
    {"check",   restore_check_files, NULL},
    {"restore", restore_content,     NULL},
    {"finish",  restore_finish,      NULL},
};

/* inplace_undo() takes all of them back at once, in an order of its own. */
static const struct pipeline_stage inplace_stages[] = {
    {"open",         open_stage,           NULL},
    {"pre-restore",  inplace_pre_restore,  NULL},
    {"plan",         plan_stage,           NULL},
    {"check",        restore_check_files,  NULL},
    {"restore",      restore_content,      NULL},
    {"finish",       restore_finish,       NULL},
    {"swap",         inplace_swap,         NULL},
    {"carry",        inplace_carry,        NULL},
    {"post-restore", inplace_post_restore, NULL},
    {"cleanup",      inplace_cleanup,      NULL},
};

/* clang-format on */

static enum status restore_to_target(struct restore *restore, struct error *err)
{
    enum status status = pipeline_run(
        target_stages, sizeof(target_stages) / sizeof(target_stages[0]), &restore->operation, err);
    if (status == STATUS_OK)
        status = restore_problems_check(&restore->problems, err);
    target_close(restore, status);
    return status;
}

static enum status restore_in_place(struct restore *restore, struct error *err)
{
    bool swapped = false;
    if (inplace_take_over(restore, &swapped, err) != STATUS_OK)
        return error_status(err); /* its record stays as it is */
    if (swapped) {
        restore->operation.committed = true;
        restore->operation.stage = "cleanup";
        return inplace_cleanup(restore, err);
    }
    enum status status =
        pipeline_run(inplace_stages, sizeof(inplace_stages) / sizeof(inplace_stages[0]),
                     &restore->operation, err);
    if (status != STATUS_OK)
        inplace_undo(restore, err);
    inplace_done(restore);
    return status;
}

static void restore_done(struct restore *restore)
{
    struct error ignored = {0};
    if (restore->operation.result->bytes_total >= 0)
        restore->operation.result->bytes_done = (int64_t)atomic_load(&restore->bytes_done);
    restore_problems_finish(&restore->problems, restore->operation.result->state_details);
    if (restore->operation.locked &&
        repository_unlock(restore->operation.repository, &ignored) != STATUS_OK) {
        /* The next one on this host removes it, once this process is gone. */
    }
    if (restore->target_fd >= 0)
        (void)close(restore->target_fd);
    operation_done(&restore->operation);
    exclude_free(restore->include);
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

enum status restore_run(const struct restore_plan *plan, struct work_result *result,
                        struct error *err)
{
    struct restore restore = {
        .operation =
            {
                .work = &plan->work,
                .app = plan->app,
                .job = plan->job,
                .backup = plan->backup,
                .undo_directory = plan->undo_directory,
                .paid = plan->paid,
                .owner = &restore,
                .describe = restore_describe,
                .result = result,
            },
        .plan = plan,
        .threads = plan->threads,
        .target_fd = -1,
    };
    if (operation_init(&restore.operation, err) != STATUS_OK || check_plan(plan, err) != STATUS_OK)
        return error_status(err);
    restore_tree_init(&restore.tree);
    restore_problems_init(&restore.problems);
    enum status status = make_include(&restore, err);
    if (status == STATUS_OK)
        status = plan->target == NULL ? restore_in_place(&restore, err)
                                      : restore_to_target(&restore, err);
    restore_done(&restore);
    return status;
}
