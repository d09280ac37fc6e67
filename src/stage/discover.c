#include "discover.h"

#include <sys/resource.h>

enum { ITEMS_PER_REPORT = 1024 };

static enum status count_volume(struct stage_context *context, size_t volume, int64_t *bytes,
                                struct error *err)
{
    struct walk_options options;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    if (context_walk(context, volume, false, &options, &walk, err) != STATUS_OK)
        return err->status;
    for (uint64_t items = 1;; items++) {
        struct walk_item item;
        if (walk_next(walk, &item, err) != STATUS_OK)
            return err->status;
        if (item.kind == WALK_END)
            return STATUS_OK;
        if (item.kind == WALK_ENTRY && S_ISREG(item.info.st_mode))
            *bytes += item.info.st_size;
        if (items % ITEMS_PER_REPORT == 0 &&
            operation_report(&context->operation, err) != STATUS_OK)
            return err->status;
    }
}

enum status discover_run(struct stage_context *context, struct error *err)
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
