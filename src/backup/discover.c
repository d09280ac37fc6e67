#include "context.h"
#include "core/thread.h"
#include "stages.h"
#include "upload_entry.h"

#include <sys/resource.h>

enum { ITEMS_PER_REPORT = 1024 };

static void *load(void *argument)
{
    struct backup_context *context = argument;
    struct error *failure = &context->index_and_lock.failure;
    if (repository_load_index(context->operation.repository, context->operation.work->cancel,
                              failure) == STATUS_OK)
        failure->status = STATUS_OK;
    return NULL;
}

/* Without a thread it is done at once. */
static void start_loading(struct backup_context *context)
{
    struct index_and_lock *both = &context->index_and_lock;
    struct error ignored;
    both->failure = (struct error){0};
    both->running = thread_start(load, context, &both->thread, &ignored) == STATUS_OK;
    if (!both->running)
        (void)load(context);
}

static void wait_for_loading(struct backup_context *context)
{
    if (context->index_and_lock.running)
        (void)pthread_join(context->index_and_lock.thread, NULL);
    context->index_and_lock.running = false;
}

static enum status start(struct backup_context *context, struct error *err)
{
    if (repository_start_lock(context->operation.repository, false, context->operation.work->cancel,
                              err) != STATUS_OK)
        return error_status(err);
    context->operation.locked = true;
    start_loading(context);
    return STATUS_OK;
}

enum status discover_walk(const struct backup_context *context, size_t volume, bool again,
                          struct walk_options *options, struct walk **ret_walk, struct error *err)
{
    const struct snapshot_plan *plan = &context->volumes[volume];
    *options = (struct walk_options){
        .volume = plan->volume,
        .exclude = context->exclude,
        .exclude_caches = context->operation.app->exclude_caches,
        .records = again ? NULL : &context->recordings[volume],
        .replays = again ? &context->recordings[volume] : NULL,
    };
    int fd = -1;
    if (snapshot_open(plan, &fd, err) != STATUS_OK)
        return FAIL_IN(err, "volume '%s'", plan->volume);
    return walk_open(options, fd, ret_walk, err);
}

static void count_bytes(int64_t *bytes, off_t size)
{
    int64_t more = upload_entry_bytes_of(size);
    *bytes = more < BACKUP_BYTES_MAX - *bytes ? *bytes + more : BACKUP_BYTES_MAX;
}

static enum status count_volume(struct backup_context *context, size_t volume, int64_t *bytes,
                                struct error *err)
{
    struct walk_options options;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    if (discover_walk(context, volume, false, &options, &walk, err) != STATUS_OK)
        return error_status(err);
    for (uint64_t items = 1;; items++) {
        struct walk_item item;
        if (walk_next(walk, &item, err) != STATUS_OK)
            return error_status(err);
        if (item.kind == WALK_END)
            return STATUS_OK;
        const struct gap *gap = gaps_find(&context->gaps[volume], item.info.st_ino);
        if (item.kind == WALK_ENTRY && S_ISREG(item.info.st_mode))
            count_bytes(bytes, gap == NULL ? item.info.st_size : gap->size);
        if (items % ITEMS_PER_REPORT == 0 &&
            operation_report(&context->operation, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status count_volumes(struct backup_context *context, struct error *err)
{
    struct rlimit before;
    walk_raise_descriptors(&before);
    int64_t bytes = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < context->volume_count; i++)
        status = count_volume(context, i, &bytes, err);
    walk_restore_descriptors(&before);
    if (status != STATUS_OK)
        return status;
    context->operation.result->bytes_total = bytes;
    context->operation.result->bytes_done = 0;
    return STATUS_OK;
}

enum status discover_run(void *owner, struct error *err)
{
    struct backup_context *context = owner;
    if (start(context, err) != STATUS_OK)
        return error_status(err);
    return count_volumes(context, err);
}

enum status discover_finish(struct backup_context *context, struct error *err)
{
    enum status status =
        repository_finish_lock(context->operation.repository, context->operation.work->cancel, err);
    context->operation.locked = status == STATUS_OK;
    wait_for_loading(context);
    if (status != STATUS_OK || context->index_and_lock.failure.status == STATUS_OK)
        return status;
    *err = context->index_and_lock.failure;
    return error_status(err);
}

void discover_undo(void *owner)
{
    struct backup_context *context = owner;
    struct error ignored; /* closing the repository tries once more; a lock of a dead process is
                             taken away by the next one */
    wait_for_loading(context);
    if (context->operation.locked &&
        repository_unlock(context->operation.repository, &ignored) == STATUS_OK)
        context->operation.locked = false;
}
