#include "preparation.h"

#include "context.h"

#include <signal.h>

static void *load(void *argument)
{
    struct stage_context *context = argument;
    struct error *failure = &context->preparation.failure;
    if (repository_load_index(context->repository, context->plan->cancel, failure) == STATUS_OK)
        failure->status = STATUS_OK;
    return NULL;
}

/* Without a thread it is done at once. */
static void start_loading(struct stage_context *context)
{
    struct preparation *preparation = &context->preparation;
    sigset_t all;
    sigset_t before;
    preparation->failure = (struct error){0};
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the calling thread's */
    preparation->running = pthread_create(&preparation->thread, NULL, load, context) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
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
    if (repository_start_lock(context->repository, false, context->plan->cancel, err) != STATUS_OK)
        return err->status;
    context->locked = true;
    start_loading(context);
    return STATUS_OK;
}

enum status preparation_finish(struct stage_context *context, struct error *err)
{
    enum status status = repository_finish_lock(context->repository, context->plan->cancel, err);
    context->locked = status == STATUS_OK;
    wait_for_loading(context);
    if (status != STATUS_OK || context->preparation.failure.status == STATUS_OK)
        return status;
    *err = context->preparation.failure;
    return error_status(err);
}

void preparation_undo(struct stage_context *context)
{
    struct error ignored; /* closing the repository tries once more; a lock of a dead process is
                             taken away by the next one */
    wait_for_loading(context);
    if (context->locked && repository_unlock(context->repository, &ignored) == STATUS_OK)
        context->locked = false;
}
