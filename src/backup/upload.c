#include "upload.h"

#include "content.h"
#include "core/point.h"
#include "discover.h"
#include "files/attributes.h"
#include "model/detail.h"
#include "previous_tree.h"
#include "tree_stack.h"
#include "upload_pool.h"
#include "volume_ancestors.h"
#include "warnings.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
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
    struct parent *parent;            /* NULL: there is none */
    bool is_copy;                     /* the volume at hand is read in a reflink copy */
    dev_t copy_device, volume_device; /* of it */
    uint64_t wanted, lost;            /* files, and directories that could not be opened */
    uint64_t items, items_before;     /* settled; and before the volume at hand */
};

/* bytes_done must reach bytes_total and not pass it, also if files have grown since. */
static void count_bytes(struct upload *upload, int64_t bytes)
{
    struct work_result *result = upload->context->operation.result;
    int64_t left = result->bytes_total - result->bytes_done;
    result->bytes_done += bytes < left ? bytes : left;
}

static void add_path(const struct errand *errand, struct buffer *path)
{
    buffer_init(path, PATH_SHOWN_MAX);
    walk_add_path(errand->holder, errand->holder == NULL ? errand->self->name : errand->name, path);
}

static const char *shown(const struct buffer *path)
{
    return path->bytes == NULL ? "" : (const char *)path->bytes;
}

static void warn(struct upload *upload, const struct errand *errand, enum warning kind,
                 const struct error *cause)
{
    CLEANUP(buffer_done) struct buffer path;
    add_path(errand, &path);
    warnings_add(&upload->context->warnings, kind, shown(&path), cause);
}

static void warn_of_mount(struct upload *upload, const struct errand *errand)
{
    CLEANUP(buffer_done) struct buffer path;
    add_path(errand, &path);
    warnings_add_mount(&upload->context->warnings, shown(&path));
}

static enum status fail_entry(const struct errand *errand, struct error *err)
{
    CLEANUP(buffer_done) struct buffer path;
    add_path(errand, &path);
    return FAIL_IN(err, "'%.200s'", shown(&path));
}

/* What is the volume's, also where a copy of it is read. */
static void name_node(const struct upload *upload, const struct errand *errand,
                      struct tree_node *node)
{
    node->name = errand->name;
    node->name_len = strlen(errand->name);
    if (node->device_id == (uint64_t)upload->copy_device)
        node->device_id = (uint64_t)upload->volume_device;
}

static enum status add_node(struct upload *upload, const struct errand *errand,
                            struct tree_node *node, struct error *err)
{
    name_node(upload, errand, node);
    return node->type == TREE_NODE_DIR ? branch_leave(&upload->branch, node, err)
                                       : branch_add(&upload->branch, node, err);
}

static void count_file(struct upload *upload, const struct errand *errand)
{
    upload->context->files.all++;
    upload->context->files.unmodified += errand->is_reused;
    upload->context->files.changed += errand->has_past && !errand->is_reused;
}

static enum status add_file(struct upload *upload, const struct errand *errand, struct error *err)
{
    count_file(upload, errand);
    if (errand->text != NULL)
        return branch_add_text(&upload->branch, errand->name, errand->text, errand->text_len, err);
    struct tree_node node;
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
    struct tree_node node;
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

/* Is this the volume, with nothing in it, where the earlier backup has something? Maybe somebody
 * has removed it all; more often its file system is not mounted. */
static void tell_if_emptied(struct upload *upload, const struct errand *errand, bool is_same)
{
    bool is_volume = errand->holder == NULL;
    bool is_empty = upload->items == upload->items_before + 1; /* that the walk has entered it */
    if (!is_volume || !is_empty || !errand->has_past || is_same)
        return;
    char text[ERROR_TEXT_MAX];
    (void)snprintf(text, sizeof(text),
                   "'%.300s': nothing is in it to back up, where the app's earlier backup has "
                   "something: is its file system mounted?",
                   errand->self->name);
    detail_add(upload->context->warnings.details, REASON_VOLUME_EMPTY, "Volume is empty", text,
               NULL);
}

static enum status enter_directory(struct upload *upload, const struct errand *errand,
                                   struct error *err)
{
    if (errand->self->fd < 0)
        warn_of_mount(upload, errand);
    return errand->name[0] == '\0' ? STATUS_OK : branch_enter(&upload->branch, err);
}

static enum status leave_directory(struct upload *upload, const struct errand *errand,
                                   struct error *err)
{
    if (errand->name[0] == '\0')
        return STATUS_OK; /* the volume "/": its tree is the backup's root */
    struct tree_node node;
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
    if (add_node(upload, errand, &node, err) != STATUS_OK)
        return err->status;
    bool is_same =
        errand->has_past && memcmp(&node.subtree, &errand->past_tree, sizeof(node.subtree)) == 0;
    upload->context->directories.all++;
    upload->context->directories.unmodified += is_same;
    upload->context->directories.changed += errand->has_past && !is_same;
    tell_if_emptied(upload, errand, is_same);
    return STATUS_OK;
}

/* Into the trees, in the order of the walk. */
static enum status settle(struct upload *upload, const struct errand *errand, struct error *err)
{
    switch (errand->kind) {
    case WALK_ENTER:
        return enter_directory(upload, errand, err);
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
        point_pass("chunk");
    return operation_report(&upload->context->operation, err);
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
            operation_report(&upload->context->operation, err) != STATUS_OK)
            return err->status;
    }
    return STATUS_OK;
}

/* Numbers that a copy has are new each time, but for a file, which has its origin; where nothing
 * hangs on them (hard links do) those of the parent stay, so that the tree of an unchanged
 * directory is the same. */
static void keep_identity(struct errand *errand, const struct tree_node *past)
{
    if (!errand->is_directory && (errand->info.st_nlink > 1 || past->links > 1))
        return;
    errand->info.st_ino = past->inode;
    errand->info.st_ctim = past->ctime;
}

static bool has_blobs(struct upload *upload, const struct blob_id *content, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!repository_has_blob(upload->context->operation.repository, BLOB_DATA, &content[i]))
            return false;
    return true;
}

/* The ctime tells of attributes, too: those of an unchanged file are those of its node. */
static enum status reuse_file(struct upload *upload, struct errand *errand,
                              const struct tree_node *past, struct error *err)
{
    if (!parent_is_same(past, &errand->info) ||
        !has_blobs(upload, past->content, past->content_count))
        return STATUS_OK;
    if (errand_reuse(errand, past, err) != STATUS_OK)
        return err->status;
    return errand_reuse_xattrs(errand, past, err);
}

/* Most files of most backups: not a byte of the node has changed, and it is taken over as it is.
 * *ret_matched: the parent's node is passed. */
static enum status match_file(struct upload *upload, struct errand *errand, bool *ret_matched,
                              struct error *err)
{
    struct tree_node node;
    struct tree_node_text past;
    struct attributes_place place = {.fd = -1, .directory = -1};
    *ret_matched = false;
    if (!errand->is_file || upload->parent == NULL)
        return STATUS_OK;
    if (attributes_describe(&upload->attributes, &place, &errand->info, &node, err) != STATUS_OK)
        return err->status;
    name_node(upload, errand, &node);
    if (!parent_match(upload->parent, &node, &past))
        return STATUS_OK;
    *ret_matched = true;
    errand->has_past = true;
    if (!has_blobs(upload, past.content, past.content_count))
        return STATUS_OK;
    return errand_reuse_text(errand, &past, err);
}

static void find_origin(const struct upload *upload, struct errand *errand)
{
    errand->has_origin = upload->is_copy && errand->is_file;
    if (errand->has_origin)
        snapshot_find_origin(errand->holder->fd, errand->name, &errand->info);
}

static enum status compare(struct upload *upload, struct errand *errand, struct error *err)
{
    bool is_root = errand->name[0] == '\0'; /* the volume "/" is the tree's root, without a node */
    if (errand->kind == WALK_ENTER)
        return is_root ? STATUS_OK : parent_enter(upload->parent, errand->name, err);
    if (errand->kind == WALK_FAILED || is_root)
        return STATUS_OK;
    find_origin(upload, errand);
    bool matched = false;
    if (match_file(upload, errand, &matched, err) != STATUS_OK)
        return err->status;
    if (matched)
        return STATUS_OK;
    if (errand->kind == WALK_LEAVE)
        parent_leave(upload->parent);
    const struct tree_node *past = parent_find(upload->parent, errand->name);
    if (past == NULL || (past->type == TREE_NODE_DIR) != errand->is_directory ||
        (past->type == TREE_NODE_FILE) != errand->is_file)
        return STATUS_OK;
    errand->has_past = true;
    if (errand->is_file)
        return reuse_file(upload, errand, past, err);
    errand->past_tree = past->subtree;
    if (upload->is_copy)
        keep_identity(errand, past);
    return STATUS_OK;
}

static enum status add_item(struct upload *upload, const struct walk_item *item, struct error *err)
{
    struct errand *errand = NULL;
    while (crew_is_full(upload->crew))
        if (settle_ready(upload, true, err) != STATUS_OK)
            return err->status;
    if (crew_prepare(upload->crew, item, &errand, err) != STATUS_OK)
        return err->status;
    enum status status = compare(upload, errand, err);
    if (status != STATUS_OK)
        errand_done(errand);
    else
        crew_push(upload->crew);
    return status;
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
    upload->is_copy = plan->driver == APP_SNAPSHOT_REFLINK;
    upload->items_before = upload->items;
    if (parents_move_to(&upload->parents, plan->volume, err) != STATUS_OK ||
        parent_move_to(upload->parent, plan->volume, err) != STATUS_OK ||
        find_devices(upload, plan, err) != STATUS_OK ||
        context_walk(upload->context, volume, true, &options, &walk, err) != STATUS_OK)
        return err->status;
    return walk_volume(upload, walk, err);
}

static enum status upload_volumes(struct upload *upload, struct error *err)
{
    for (size_t i = 0; i < upload->context->volume_count; i++)
        if (upload_volume(upload, i, err) != STATUS_OK)
            return err->status;
    if (upload->wanted > 0 && upload->lost == upload->wanted)
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_NOTHING_READABLE,
                           "not one of %" PRIu64 " files could be read", upload->wanted);
    if (parents_finish(&upload->parents, err) != STATUS_OK)
        return err->status;
    return branch_finish(&upload->branch, &upload->context->tree, err);
}

/* That there is nothing to compare with costs time, and nothing else. */
static enum status open_parent(struct upload *upload, struct error *err)
{
    struct stage_context *context = upload->context;
    if (!context->parent.found)
        return STATUS_OK;
    return parent_open(context->operation.repository, &context->parent.tree, &upload->parent, err);
}

static void tell_damage(const struct upload *upload)
{
    const struct error *damage = parent_damage(upload->parent);
    if (damage->status != STATUS_OK)
        detail_add(upload->context->operation.result->state_details, REASON_PARENT_UNREADABLE,
                   "Earlier backup is damaged: files were read again", damage->text, NULL);
}

static enum status upload_all(struct stage_context *context, struct error *err)
{
    struct upload upload = {.context = context};
    upload.parents.branch = &upload.branch;
    upload.parents.attributes = &upload.attributes;
    attributes_init(&upload.attributes);

    enum status status = crew_new(context->operation.repository, &content_tasks, context->threads,
                                  &upload.crew, err);
    if (status == STATUS_OK)
        status = branch_init(&upload.branch, context->operation.repository, err);
    if (status == STATUS_OK)
        status = open_parent(&upload, err);
    if (status == STATUS_OK)
        status = upload_volumes(&upload, err);
    tell_damage(&upload);
    parent_close(upload.parent);
    crew_free(upload.crew);
    warnings_finish(&context->warnings);
    branch_done(&upload.branch);
    attributes_done(&upload.attributes);
    return status;
}

enum status upload_run(struct stage_context *context, struct error *err)
{
    if (discover_finish(context, err) != STATUS_OK)
        return err->status;
    struct rlimit before;
    walk_raise_descriptors(&before);
    enum status status = upload_all(context, err);
    walk_restore_descriptors(&before);
    return status;
}
