#include "upload.h"

#include "attributes.h"
#include "branch.h"
#include "crew.h"
#include "parents.h"
#include "point.h"
#include "warnings.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

enum {
    ITEMS_PER_LOOK = 32, /* how often the walk looks what the crew has done */
    ITEMS_PER_REPORT = 256,
    PATH_SHOWN_MAX = 4096
};

struct upload {
    struct stage_context *context;
    struct crew *crew;
    struct branch branch;
    struct attributes attributes;
    struct parents parents;
    struct warnings warnings;
    dev_t copy_device, volume_device; /* of the volume at hand */
    uint64_t wanted, lost;            /* files, and directories that could not be opened */
    uint64_t items;
};

/* bytes_done must reach bytes_total and not pass it, also if files have grown since. */
static void count_bytes(struct upload *upload, int64_t bytes)
{
    struct stage_result *result = upload->context->result;
    int64_t left = result->bytes_total - result->bytes_done;
    result->bytes_done += bytes < left ? bytes : left;
}

static void warn(struct upload *upload, const struct errand *errand, enum warning kind,
                 const struct error *cause)
{
    CLEANUP(buffer_done) struct buffer path;
    buffer_init(&path, PATH_SHOWN_MAX);
    walk_add_path(errand->holder, errand->holder == NULL ? errand->self->name : errand->name,
                  &path);
    warnings_add(&upload->warnings, kind, path.bytes == NULL ? "" : (const char *)path.bytes,
                 cause);
}

static enum status fail_entry(const struct errand *errand, struct error *err)
{
    CLEANUP(buffer_done) struct buffer path;
    buffer_init(&path, PATH_SHOWN_MAX);
    walk_add_path(errand->holder, errand->holder == NULL ? errand->self->name : errand->name,
                  &path);
    return FAIL_IN(err, "'%.200s'", path.bytes == NULL ? "" : (const char *)path.bytes);
}

static enum status add_node(struct upload *upload, const struct errand *errand, struct node *node,
                            struct error *err)
{
    node->name = errand->name;
    node->name_len = strlen(errand->name);
    if (node->device_id == (uint64_t)upload->copy_device)
        node->device_id = (uint64_t)upload->volume_device;
    return node->type == NODE_DIR ? branch_leave(&upload->branch, node, err)
                                  : branch_add(&upload->branch, node, err);
}

static enum status add_file(struct upload *upload, const struct errand *errand, struct error *err)
{
    struct node node;
    struct attributes_place place = {.fd = -1, .directory = -1};
    if (attributes_describe(&upload->attributes, &place, &errand->info, &node, err) != STATUS_OK)
        return err->status;
    if (errand->lost_attributes != NULL)
        warn(upload, errand, WARNING_ATTRIBUTES, errand->lost_attributes);
    node.xattrs = errand->xattrs;
    node.xattr_count = errand->xattr_count;
    node.size = errand->content.size;
    node.content = errand_ids(errand);
    node.content_count = errand->content.count;
    upload->context->files++;
    return add_node(upload, errand, &node, err);
}

/* Whatever became of the file, its bytes are dealt with: the rest of its size counts as done. */
static enum status settle_file(struct upload *upload, const struct errand *errand,
                               struct error *err)
{
    upload->wanted++;
    count_bytes(upload, errand->bytes - errand->counted);
    if (errand->failure == NULL)
        return add_file(upload, errand, err);
    upload->lost++;
    warn(upload, errand, errand->warning, errand->failure);
    return STATUS_OK;
}

/* A symbolic link, a device, a fifo: all is in the node. */
static enum status settle_other(struct upload *upload, const struct errand *errand,
                                struct error *err)
{
    struct node node;
    struct error lost;
    struct error failure;
    struct attributes_place place = {
        .fd = -1, .directory = errand->holder->fd, .name = errand->name};
    enum status status =
        attributes_read(&upload->attributes, &place, &errand->info, &node, &lost, &failure);
    if (status == STATUS_NO_MEMORY) {
        *err = failure;
        return status;
    }
    if (status != STATUS_OK) {
        warn(upload, errand, warning_of(&failure), &failure);
        return STATUS_OK;
    }
    if (lost.status != STATUS_OK)
        warn(upload, errand, WARNING_ATTRIBUTES, &lost);
    return add_node(upload, errand, &node, err);
}

static enum status leave_directory(struct upload *upload, const struct errand *errand,
                                   struct error *err)
{
    if (errand->name[0] == '\0')
        return STATUS_OK; /* the volume "/": its tree is the backup's root */
    struct node node;
    struct error lost;
    struct attributes_place place = {
        .fd = errand->self->fd,
        .directory = errand->holder == NULL ? -1 : errand->holder->fd,
        .name = errand->name,
    };
    if (attributes_read(&upload->attributes, &place, &errand->info, &node, &lost, err) != STATUS_OK)
        return err->status;
    if (lost.status != STATUS_OK)
        warn(upload, errand, WARNING_ATTRIBUTES, &lost);
    upload->context->directories++;
    return add_node(upload, errand, &node, err);
}

/* Into the trees, in the order of the walk. */
static enum status settle(struct upload *upload, const struct errand *errand, struct error *err)
{
    switch (errand->kind) {
    case WALK_ENTER:
        return errand->name[0] == '\0' ? STATUS_OK : branch_enter(&upload->branch, err);
    case WALK_LEAVE:
        return leave_directory(upload, errand, err);
    case WALK_FAILED:
        upload->wanted++;
        upload->lost++;
        warn(upload, errand, errand->warning, errand->failure);
        return STATUS_OK;
    case WALK_ENTRY:
        return errand->is_file ? settle_file(upload, errand, err)
                               : settle_other(upload, errand, err);
    case WALK_END:
        break;
    }
    return STATUS_OK;
}

static enum status report(struct upload *upload, const struct crew_news *news, struct error *err)
{
    count_bytes(upload, news->bytes);
    for (uint64_t i = 0; i < news->chunks; i++)
        stage_point("chunk");
    return context_report(upload->context, err);
}

/* Takes from the line what is ready. wait: there is nothing else to do. */
static enum status settle_ready(struct upload *upload, bool wait, struct error *err)
{
    struct crew_news news;
    if (crew_look(upload->crew, wait, &news, err) != STATUS_OK)
        return err->status;
    if ((wait || news.chunks > 0) && report(upload, &news, err) != STATUS_OK)
        return err->status;
    for (size_t i = 0; i < news.ready; i++) {
        const struct errand *errand = crew_next(upload->crew);
        if (settle(upload, errand, err) != STATUS_OK)
            return fail_entry(errand, err);
        crew_drop(upload->crew);
        if (++upload->items % ITEMS_PER_REPORT == 0 &&
            context_report(upload->context, err) != STATUS_OK)
            return err->status;
    }
    return STATUS_OK;
}

static enum status add_item(struct upload *upload, const struct walk_item *item, struct error *err)
{
    while (crew_is_full(upload->crew))
        if (settle_ready(upload, true, err) != STATUS_OK)
            return err->status;
    return crew_push(upload->crew, item, err);
}

static enum status walk_volume(struct upload *upload, struct walk *walk, struct error *err)
{
    for (uint64_t items = 1;; items++) {
        struct walk_item item;
        if (walk_next(walk, &item, err) != STATUS_OK)
            return err->status;
        if (item.kind == WALK_END)
            break;
        if (add_item(upload, &item, err) != STATUS_OK ||
            (items % ITEMS_PER_LOOK == 0 && settle_ready(upload, false, err) != STATUS_OK))
            return err->status;
    }
    while (!crew_is_empty(upload->crew))
        if (settle_ready(upload, true, err) != STATUS_OK)
            return err->status;
    return STATUS_OK;
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

    enum status status = crew_new(context->repository, context->plan->threads, &upload.crew, err);
    if (status == STATUS_OK)
        status = branch_init(&upload.branch, context->repository, err);
    if (status == STATUS_OK)
        status = upload_volumes(&upload, err);
    crew_free(upload.crew);
    warnings_finish(&upload.warnings);
    branch_done(&upload.branch);
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
