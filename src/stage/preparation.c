#include "preparation.h"

#include "context.h"
#include "core/thread.h"

static void *load(void *argument)
{
    struct stage_context *context = argument;
    struct error *failure = &context->preparation.failure;
    if (repository_load_index(context->operation.repository, context->plan->work.cancel, failure) ==
        STATUS_OK)
        failure->status = STATUS_OK;
    return NULL;
}

/* Without a thread it is done at once. */
static void start_loading(struct stage_context *context)
{
    struct preparation *preparation = &context->preparation;
    struct error ignored;
    preparation->failure = (struct error){0};
    preparation->running = thread_start(load, context, &preparation->thread, &ignored) == STATUS_OK;
    if (!preparation->running)
        (void)load(context);
}

static void wait_for_loading(struct stage_context *context)
{
    if (context->preparation.running)
        (void)pthread_join(context->preparation.thread, NULL);
    context->preparation.running = false;
}

enum status preparation_start(struct stage_context *context, struct error *err)
{
    if (repository_start_lock(context->operation.repository, false, context->plan->work.cancel,
                              err) != STATUS_OK)
        return err->status;
    context->operation.locked = true;
    start_loading(context);
    return STATUS_OK;
}

enum status preparation_finish(struct stage_context *context, struct error *err)
{
    enum status status =
        repository_finish_lock(context->operation.repository, context->plan->work.cancel, err);
    context->operation.locked = status == STATUS_OK;
    wait_for_loading(context);
    if (status != STATUS_OK || context->preparation.failure.status == STATUS_OK)
        return status;
    *err = context->preparation.failure;
    return error_status(err);
}

void preparation_undo(void *owner)
{
    struct stage_context *context = owner;
    struct error ignored; /* closing the repository tries once more; a lock of a dead process is
                             taken away by the next one */
    wait_for_loading(context);
    if (context->operation.locked &&
        repository_unlock(context->operation.repository, &ignored) == STATUS_OK)
        context->operation.locked = false;
}
