#include "upload.h"

#include "attributes.h"
#include "branch.h"
#include "content.h"
#include "parents.h"
#include "point.h"
#include "warnings.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

enum { ITEMS_PER_REPORT = 256 };

struct upload {
    struct stage_context *context;
    struct branch branch;
    struct content content;
    struct attributes attributes;
    struct parents parents;
    struct warnings warnings;
    dev_t copy_device, volume_device; /* of the volume at hand */
    uint64_t wanted, lost;            /* files, and directories that could not be opened */
    int64_t file_bytes;               /* of the file at hand, what has been counted as done */
    uint64_t items;
};

/* Up to the file's size at its discovery: bytes_done must reach bytes_total and not pass it. */
static enum status on_content(void *context, uint64_t bytes, struct error *err)
{
    struct upload *upload = context;
    struct stage_result *result = upload->context->result;
    int64_t left = result->bytes_total - result->bytes_done;
    int64_t more = (int64_t)bytes < left ? (int64_t)bytes : left;
    result->bytes_done += more;
    upload->file_bytes += more;
    stage_point("chunk");
    return context_report(upload->context, err);
}

static void lose(struct upload *upload, const struct walk_item *item, enum warning kind,
                 const struct error *cause)
{
    upload->lost++;
    warnings_add(&upload->warnings, kind, item->path, cause);
}

static enum status add_node(struct upload *upload, const struct walk_item *item, struct node *node,
                            const struct error *lost, struct error *err)
{
    if (lost->status != STATUS_OK)
        warnings_add(&upload->warnings, WARNING_ATTRIBUTES, item->path, lost);
    node->name = item->name;
    node->name_len = strlen(item->name);
    if (node->device_id == (uint64_t)upload->copy_device)
        node->device_id = (uint64_t)upload->volume_device;
    enum status status = node->type == NODE_DIR ? branch_leave(&upload->branch, node, err)
                                                : branch_add(&upload->branch, node, err);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "'%.200s'", item->path);
}

static enum status add_file_node(struct upload *upload, const struct walk_item *item, int fd,
                                 const struct stat *info, struct error *err)
{
    struct node node;
    struct error lost;
    struct attributes_place place = {.fd = fd, .directory = item->parent, .name = item->name};
    if (attributes_read(&upload->attributes, &place, info, &node, &lost, err) != STATUS_OK)
        return err->status;
    node.size = upload->content.size;
    node.content = upload->content.ids;
    node.content_count = upload->content.count;
    upload->context->files++;
    return add_node(upload, item, &node, &lost, err);
}

/* Whatever became of the file, its bytes are dealt with: the rest of its size counts as done. */
static enum status settle_file(struct upload *upload, const struct walk_item *item,
                               struct error *err)
{
    int64_t rest = item->info.st_size - upload->file_bytes;
    return rest > 0 ? on_content(upload, (uint64_t)rest, err) : STATUS_OK;
}

static enum status add_file(struct upload *upload, const struct walk_item *item, struct error *err)
{
    upload->file_bytes = 0;
    upload->wanted++;
    struct error lost = {0};
    struct stat info;
    CLEANUP(fd_closep) int fd = walk_open_at(item->parent, item->name, 0);
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum warning kind = errno == ELOOP ? WARNING_CHANGED : WARNING_UNREADABLE;
        error_set_errno(&lost, errno, "open");
        lose(upload, item, kind == WARNING_CHANGED ? kind : warning_of(&lost), &lost);
        return settle_file(upload, item, err);
    }
    if (!S_ISREG(info.st_mode)) {
        error_set(&lost, STATUS_CONFLICT, "it is no regular file any more");
        lose(upload, item, WARNING_CHANGED, &lost);
        return settle_file(upload, item, err);
    }
    if (content_read(&upload->content, fd, &info, &lost, err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", item->path);
    if (lost.status != STATUS_OK)
        lose(upload, item, WARNING_UNREADABLE, &lost);
    else if (add_file_node(upload, item, fd, &info, err) != STATUS_OK)
        return err->status;
    return settle_file(upload, item, err);
}

/* A symbolic link, a device, a fifo: all is in the node. */
static enum status add_other(struct upload *upload, const struct walk_item *item, struct error *err)
{
    struct node node;
    struct error lost;
    struct error failure;
    struct attributes_place place = {.fd = -1, .directory = item->parent, .name = item->name};
    enum status status =
        attributes_read(&upload->attributes, &place, &item->info, &node, &lost, &failure);
    if (status == STATUS_NO_MEMORY) {
        *err = failure;
        return status;
    }
    if (status != STATUS_OK) {
        warnings_add(&upload->warnings, warning_of(&failure), item->path, &failure);
        return STATUS_OK;
    }
    return add_node(upload, item, &node, &lost, err);
}

static enum status leave_directory(struct upload *upload, const struct walk_item *item,
                                   struct error *err)
{
    if (item->name[0] == '\0')
        return STATUS_OK; /* the volume "/": its tree is the backup's root */
    struct node node;
    struct error lost;
    struct attributes_place place = {.fd = item->fd, .directory = item->parent, .name = item->name};
    if (attributes_read(&upload->attributes, &place, &item->info, &node, &lost, err) != STATUS_OK)
        return FAIL_IN(err, "'%.200s'", item->path);
    upload->context->directories++;
    return add_node(upload, item, &node, &lost, err);
}

static enum status add_item(struct upload *upload, const struct walk_item *item, struct error *err)
{
    switch (item->kind) {
    case WALK_ENTER:
        return item->name[0] == '\0' ? STATUS_OK : branch_enter(&upload->branch, err);
    case WALK_LEAVE:
        return leave_directory(upload, item, err);
    case WALK_FAILED:
        upload->wanted++;
        lose(upload, item, warning_of(item->failure), item->failure);
        return STATUS_OK;
    case WALK_ENTRY:
        return S_ISREG(item->info.st_mode) ? add_file(upload, item, err)
                                           : add_other(upload, item, err);
    case WALK_END:
        break;
    }
    return STATUS_OK;
}

static enum status walk_volume(struct upload *upload, struct walk *walk, struct error *err)
{
    for (;;) {
        struct walk_item item;
        if (walk_next(walk, &item, err) != STATUS_OK)
            return err->status;
        if (item.kind == WALK_END)
            return STATUS_OK;
        if (add_item(upload, &item, err) != STATUS_OK)
            return err->status;
        if (++upload->items % ITEMS_PER_REPORT == 0 &&
            context_report(upload->context, err) != STATUS_OK)
            return err->status;
    }
}

static enum status find_devices(struct upload *upload, const struct snapshot_plan *plan,
                                struct error *err)
{
    struct stat copy;
    struct stat volume;
    if (stat(plan->path, &copy) != 0 || stat(plan->volume, &volume) != 0)
        return FAIL_ERRNO(err, "volume '%s'", plan->volume);
    upload->copy_device = copy.st_dev;
    upload->volume_device = volume.st_dev;
    return STATUS_OK;
}

static enum status upload_volume(struct upload *upload, size_t volume, struct error *err)
{
    const struct snapshot_plan *plan = &upload->context->volumes[volume];
    struct walk_options options;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    if (parents_move_to(&upload->parents, plan->volume, err) != STATUS_OK ||
        find_devices(upload, plan, err) != STATUS_OK ||
        context_walk(upload->context, volume, &options, &walk, err) != STATUS_OK)
        return err->status;
    return walk_volume(upload, walk, err);
}

static enum status upload_volumes(struct upload *upload, struct error *err)
{
    for (size_t i = 0; i < upload->context->volume_count; i++)
        if (upload_volume(upload, i, err) != STATUS_OK)
            return err->status;
    if (upload->wanted > 0 && upload->lost == upload->wanted)
        return FAIL_REASON(err, STATUS_FORBIDDEN, "nothing_readable",
                           "not one of %" PRIu64 " files could be read", upload->wanted);
    if (parents_finish(&upload->parents, err) != STATUS_OK)
        return err->status;
    return branch_finish(&upload->branch, &upload->context->tree, err);
}

static enum status upload_all(struct stage_context *context, struct error *err)
{
    struct upload upload = {.context = context};
    upload.warnings.details = context->result->state_details;
    upload.parents.branch = &upload.branch;
    upload.parents.attributes = &upload.attributes;
    attributes_init(&upload.attributes);

    enum status status =
        content_init(&upload.content, context->repository, on_content, &upload, err);
    if (status == STATUS_OK)
        status = branch_init(&upload.branch, context->repository, err);
    if (status == STATUS_OK)
        status = upload_volumes(&upload, err);
    warnings_finish(&upload.warnings);
    branch_done(&upload.branch);
    content_done(&upload.content);
    attributes_done(&upload.attributes);
    return status;
}

enum status upload_run(struct stage_context *context, struct error *err)
{
    const struct cancel *cancel = context->plan->cancel;
    if (repository_lock(context->repository, false, cancel, err) != STATUS_OK)
        return err->status;
    context->locked = true;
    if (repository_load_index(context->repository, cancel, err) != STATUS_OK)
        return err->status;

    struct rlimit before;
    walk_raise_descriptors(&before);
    enum status status = upload_all(context, err);
    walk_restore_descriptors(&before);
    return status;
}

void upload_undo(struct stage_context *context)
{
    struct error ignored; /* closing the repository tries once more; a lock of a dead process is
                             taken away by the next one */
    if (context->locked && repository_unlock(context->repository, &ignored) == STATUS_OK)
        context->locked = false;
}
