#include "content.h"
#include "context.h"
#include "core/point.h"
#include "files/attributes.h"
#include "live_entry.h"
#include "model/detail.h"
#include "previous_tree.h"
#include "settled.h"
#include "stages.h"
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
    ITEMS_PER_LOOK = 32, /* how often the walk looks what the pool has done */
    ITEMS_PER_REPORT = 256,
    PATH_SHOWN_MAX = 4096
};

struct upload {
    struct backup_context *context;
    struct upload_pool *pool;
    struct tree_stack stack;
    struct attributes attributes;
    struct volume_ancestors ancestors;
    struct previous_tree *previous; /* NULL: there is none; else since it began: */
    struct settled settled;
    bool is_copy;                     /* the volume at hand is read in a reflink copy */
    size_t volume;                    /* at hand */
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

static void add_path(const struct upload_entry *entry, struct buffer *path)
{
    buffer_init(path, PATH_SHOWN_MAX);
    walk_add_path(entry->holder, entry->holder == NULL ? entry->self->name : entry->name, path);
}

static const char *shown(const struct buffer *path)
{
    return path->bytes == NULL ? "" : (const char *)path->bytes;
}

static void warn(struct upload *upload, const struct upload_entry *entry, enum warning kind,
                 const struct error *cause)
{
    CLEANUP(buffer_done) struct buffer path;
    add_path(entry, &path);
    warnings_add(&upload->context->warnings, kind, shown(&path), cause);
}

static enum status lose(struct upload *upload, const struct upload_entry *entry, enum warning kind,
                        const struct error *cause)
{
    upload->lost +=
        kind != WARNING_TOO_LARGE; /* which is no matter of rights, or of a wrong path */
    warn(upload, entry, kind, cause);
    return STATUS_OK;
}

static void warn_of_mount(struct upload *upload, const struct upload_entry *entry)
{
    CLEANUP(buffer_done) struct buffer path;
    add_path(entry, &path);
    warnings_add_mount(&upload->context->warnings, shown(&path));
}

static void warn_of_gap(struct upload *upload, const struct upload_entry *entry)
{
    const char *cause = entry->gap->cause == NULL ? "as others" : entry->gap->cause;
    struct error text;
    error_set(&text, STATUS_UNAVAILABLE,
              entry->is_directory ? "not all of it could be copied: %.200s"
                                  : "it could not be copied, and is read in the volume: %.200s",
              cause);
    warn(upload, entry, WARNING_GAP, &text);
}

static enum status fail_entry(const struct upload_entry *entry, struct error *err)
{
    CLEANUP(buffer_done) struct buffer path;
    add_path(entry, &path);
    return FAIL_IN(err, "'%.200s'", shown(&path));
}

/* What is the volume's, also where a copy of it is read. */
static void name_node(const struct upload *upload, const struct upload_entry *entry,
                      struct tree_node *node)
{
    node->name = entry->name;
    node->name_len = strlen(entry->name);
    if (node->device_id == (uint64_t)upload->copy_device)
        node->device_id = (uint64_t)upload->volume_device;
}

static enum status add_node(struct upload *upload, const struct upload_entry *entry,
                            struct tree_node *node, struct error *err)
{
    name_node(upload, entry, node);
    return node->type == TREE_NODE_DIR ? tree_stack_leave(&upload->stack, node, err)
                                       : tree_stack_add(&upload->stack, node, err);
}

static void count_file(struct upload *upload, const struct upload_entry *entry)
{
    upload->context->files.all++;
    upload->context->files.unmodified += entry->is_reused;
    upload->context->files.changed += entry->has_past && !entry->is_reused;
}

static enum status add_file(struct upload *upload, const struct upload_entry *entry,
                            struct error *err)
{
    if (entry->text != NULL)
        return tree_stack_add_text(&upload->stack, entry->name, entry->text, entry->text_len, err);
    struct tree_node node;
    struct attributes_place place = {.fd = -1, .directory = -1};
    if (attributes_describe(&upload->attributes, &place, &entry->info, &node, err) != STATUS_OK)
        return error_status(err);
    if (entry->lost_attributes != NULL)
        warn(upload, entry, WARNING_ATTRIBUTES, entry->lost_attributes);
    node.xattrs = entry->xattrs;
    node.xattr_count = entry->xattr_count;
    node.size = entry->content.size;
    node.content = upload_entry_ids(entry);
    node.content_count = entry->content.count;
    node.repeats = entry->content.repeats;
    node.repeat_count = entry->content.repeat_count;
    return add_node(upload, entry, &node, err);
}

/* Whatever became of the file, its bytes are dealt with: the rest of its size counts as done. */
static enum status settle_file(struct upload *upload, const struct upload_entry *entry,
                               struct error *err)
{
    upload->wanted++;
    count_bytes(upload, entry->bytes - entry->counted);
    if (entry->failure != NULL)
        return lose(upload, entry, entry->warning, entry->failure);
    if (add_file(upload, entry, err) != STATUS_OK)
        return error_status(err);
    count_file(upload, entry);
    return STATUS_OK;
}

/* An empty file, as of a directory there is an empty one: what it is mounted on will be wanted
 * again. */
static enum status settle_mount(struct upload *upload, const struct upload_entry *entry,
                                struct error *err)
{
    struct tree_node node;
    struct attributes_place place = {.fd = -1, .directory = -1};
    struct stat info = entry->info;
    info.st_mode = S_IFREG | (info.st_mode & 0777);
    info.st_size = 0;
    info.st_nlink = 1;
    warn_of_mount(upload, entry);
    if (attributes_describe(&upload->attributes, &place, &info, &node, err) != STATUS_OK)
        return error_status(err);
    return add_node(upload, entry, &node, err);
}

/* A symbolic link, a device, a fifo: all is in the node. */
static enum status settle_other(struct upload *upload, const struct upload_entry *entry,
                                struct error *err)
{
    struct tree_node node;
    struct error lost;
    struct error failure;
    struct attributes_place place = {.fd = -1, .directory = entry->holder->fd, .name = entry->name};
    enum status status =
        attributes_read(&upload->attributes, &place, &entry->info, &node, &lost, &failure);
    if (status == STATUS_NO_MEMORY) {
        *err = failure;
        return status;
    }
    if (status != STATUS_OK) {
        warn(upload, entry, warning_of(&failure), &failure);
        return STATUS_OK;
    }
    if (lost.status != STATUS_OK)
        warn(upload, entry, WARNING_ATTRIBUTES, &lost);
    return add_node(upload, entry, &node, err);
}

/* Is this the volume, with nothing in it, where the earlier backup has something? Maybe somebody
 * has removed it all; more often its file system is not mounted. */
static void tell_if_emptied(struct upload *upload, const struct upload_entry *entry, bool is_same)
{
    bool is_volume = entry->holder == NULL;
    bool is_empty = upload->items == upload->items_before + 1; /* that the walk has entered it */
    if (!is_volume || !is_empty || !entry->has_past || is_same)
        return;
    char text[ERROR_TEXT_MAX];
    (void)snprintf(text, sizeof(text),
                   "'%.300s': nothing is in it to back up, where the app's earlier backup has "
                   "something: is its file system mounted?",
                   entry->self->name);
    detail_add(upload->context->warnings.details, REASON_VOLUME_EMPTY, "Volume is empty", text,
               NULL);
}

static enum status enter_directory(struct upload *upload, const struct upload_entry *entry,
                                   struct error *err)
{
    if (entry->self->fd < 0)
        warn_of_mount(upload, entry);
    return entry->name[0] == '\0' ? STATUS_OK : tree_stack_enter(&upload->stack, err);
}

static enum status leave_directory(struct upload *upload, const struct upload_entry *entry,
                                   struct error *err)
{
    if (entry->name[0] == '\0')
        return STATUS_OK; /* the volume "/": its tree is the backup's root */
    struct tree_node node;
    struct error lost;
    struct attributes_place place = {
        .fd = entry->self->fd,
        .directory = entry->holder == NULL ? -1 : entry->holder->fd,
        .name = entry->name,
    };
    if (attributes_read(&upload->attributes, &place, &entry->info, &node, &lost, err) != STATUS_OK)
        return error_status(err);
    if (lost.status != STATUS_OK)
        warn(upload, entry, WARNING_ATTRIBUTES, &lost);
    if (add_node(upload, entry, &node, err) != STATUS_OK)
        return error_status(err);
    bool is_same =
        entry->has_past && memcmp(&node.subtree, &entry->past_tree, sizeof(node.subtree)) == 0;
    upload->context->directories.all++;
    upload->context->directories.unmodified += is_same;
    upload->context->directories.changed += entry->has_past && !is_same;
    tell_if_emptied(upload, entry, is_same);
    return STATUS_OK;
}

/* Into the trees, in the order of the walk. */
static enum status settle_kind(struct upload *upload, const struct upload_entry *entry,
                               struct error *err)
{
    switch (entry->kind) {
    case WALK_ENTER:
        return enter_directory(upload, entry, err);
    case WALK_LEAVE:
        return leave_directory(upload, entry, err);
    case WALK_FAILED:
        upload->wanted++;
        return lose(upload, entry, entry->warning, entry->failure);
    case WALK_MOUNT:
        return settle_mount(upload, entry, err);
    case WALK_ENTRY:
        return entry->is_file ? settle_file(upload, entry, err) : settle_other(upload, entry, err);
    case WALK_END:
        break;
    }
    return STATUS_OK;
}

/* What its directory has no room for is left out of it, and nothing else. */
static enum status settle(struct upload *upload, const struct upload_entry *entry,
                          struct error *err)
{
    if (entry->gap != NULL && entry->kind != WALK_LEAVE)
        warn_of_gap(upload, entry);
    enum status status = settle_kind(upload, entry, err);
    if (status != STATUS_TOO_LARGE)
        return status;
    upload->wanted += !entry->is_file;
    return lose(upload, entry, WARNING_TOO_LARGE, err);
}

static enum status report(struct upload *upload, const struct upload_news *news, struct error *err)
{
    count_bytes(upload, news->bytes);
    for (uint64_t i = 0; i < news->chunks; i++)
        point_pass("chunk");
    return operation_report(&upload->context->operation, err);
}

/* Takes from the line what is ready. wait: there is nothing else to do. */
static enum status settle_ready(struct upload *upload, bool wait, struct error *err)
{
    struct upload_news news;
    if (upload_pool_look(upload->pool, wait, &news, err) != STATUS_OK)
        return error_status(err);
    if ((wait || news.chunks > 0) && report(upload, &news, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < news.ready; i++) {
        const struct upload_entry *entry = upload_pool_next(upload->pool);
        if (settle(upload, entry, err) != STATUS_OK)
            return fail_entry(entry, err);
        upload_pool_drop(upload->pool);
        if (++upload->items % ITEMS_PER_REPORT == 0 &&
            operation_report(&upload->context->operation, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* Numbers that a copy has are new each time, but for a file, which has its origin; where nothing
 * hangs on them (hard links do) those of the earlier backup stay, so that the tree of an unchanged
 * directory is the same. */
static void keep_identity(struct upload_entry *entry, const struct tree_node *past)
{
    if (!entry->is_directory && (entry->info.st_nlink > 1 || past->links > 1))
        return;
    entry->info.st_ino = past->inode;
    entry->info.st_ctim = past->ctime;
}

static bool has_blobs(struct upload *upload, const struct blob_id *content, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_again = i > 0 && memcmp(&content[i], &content[i - 1], sizeof(content[i])) == 0;
        if (!is_again &&
            !repository_has_blob(upload->context->operation.repository, BLOB_DATA, &content[i]))
            return false;
    }
    return true;
}

/* The ctime tells of attributes, too: those of an unchanged file are those of its node. */
static enum status reuse_file(struct upload *upload, struct upload_entry *entry,
                              const struct tree_node *past, struct error *err)
{
    if (!previous_tree_is_same(past, &entry->info) || !settled_is(&upload->settled, &entry->info) ||
        !has_blobs(upload, past->content, past->content_count))
        return STATUS_OK;
    if (upload_entry_reuse(entry, past, err) != STATUS_OK)
        return error_status(err);
    return upload_entry_reuse_xattrs(entry, past, err);
}

/* Most files of most backups: not a byte of the node has changed, and it is taken over as it is.
 * *ret_matched: the earlier backup's node is passed. */
static enum status match_file(struct upload *upload, struct upload_entry *entry, bool *ret_matched,
                              struct error *err)
{
    struct tree_node node;
    struct tree_node_text past;
    struct attributes_place place = {.fd = -1, .directory = -1};
    *ret_matched = false;
    if (!entry->is_file || upload->previous == NULL || !settled_is(&upload->settled, &entry->info))
        return STATUS_OK;
    if (attributes_describe(&upload->attributes, &place, &entry->info, &node, err) != STATUS_OK)
        return error_status(err);
    name_node(upload, entry, &node);
    if (!previous_tree_match(upload->previous, &node, &past))
        return STATUS_OK;
    *ret_matched = true;
    entry->has_past = true;
    if (!has_blobs(upload, past.content, past.content_count))
        return STATUS_OK;
    return upload_entry_reuse_text(entry, &past, err);
}

static void find_origin(const struct upload *upload, struct upload_entry *entry)
{
    entry->has_origin = upload->is_copy && entry->is_file && entry->gap == NULL;
    if (entry->has_origin)
        snapshot_find_origin(entry->holder->fd, entry->name, &entry->info);
}

static enum status compare(struct upload *upload, struct upload_entry *entry, struct error *err)
{
    bool is_root = entry->name[0] == '\0'; /* the volume "/" is the tree's root, without a node */
    if (entry->kind == WALK_ENTER)
        return is_root ? STATUS_OK : previous_tree_enter(upload->previous, entry->name, err);
    if (entry->kind == WALK_FAILED || entry->kind == WALK_MOUNT || is_root)
        return STATUS_OK;
    find_origin(upload, entry);
    bool matched = false;
    if (match_file(upload, entry, &matched, err) != STATUS_OK)
        return error_status(err);
    if (matched)
        return STATUS_OK;
    if (entry->kind == WALK_LEAVE)
        previous_tree_leave(upload->previous);
    const struct tree_node *past = previous_tree_find(upload->previous, entry->name);
    if (past == NULL || (past->type == TREE_NODE_DIR) != entry->is_directory ||
        (past->type == TREE_NODE_FILE) != entry->is_file)
        return STATUS_OK;
    entry->has_past = true;
    if (entry->is_file)
        return reuse_file(upload, entry, past, err);
    entry->past_tree = past->subtree;
    if (upload->is_copy)
        keep_identity(entry, past);
    return STATUS_OK;
}

/* Whatever else the entry is, it counts what discover has counted. */
static enum status fill_gap(struct upload *upload, struct upload_entry *entry, struct error *err)
{
    const struct backup_context *context = upload->context;
    if (entry->kind == WALK_FAILED || entry->kind == WALK_MOUNT)
        return STATUS_OK;
    entry->gap = gaps_find(&context->gaps[upload->volume], entry->info.st_ino);
    if (entry->gap == NULL || entry->is_directory)
        return STATUS_OK;
    entry->bytes = upload_entry_bytes_of(entry->gap->size);
    return live_entry_find(entry, &context->volumes[upload->volume], err);
}

static enum status add_item(struct upload *upload, const struct walk_item *item, struct error *err)
{
    struct upload_entry *entry = NULL;
    while (upload_pool_is_full(upload->pool))
        if (settle_ready(upload, true, err) != STATUS_OK)
            return error_status(err);
    if (upload_pool_prepare(upload->pool, item, &entry, err) != STATUS_OK)
        return error_status(err);
    enum status status = fill_gap(upload, entry, err);
    if (status == STATUS_OK && entry->failure == NULL)
        status = compare(upload, entry, err);
    if (status != STATUS_OK)
        upload_entry_done(entry);
    else
        upload_pool_push(upload->pool);
    return status;
}

static enum status walk_volume(struct upload *upload, struct walk *walk, struct error *err)
{
    for (uint64_t items = 1;; items++) {
        struct walk_item item;
        if (walk_next(walk, &item, err) != STATUS_OK)
            return error_status(err);
        if (item.kind == WALK_END)
            break;
        if (add_item(upload, &item, err) != STATUS_OK ||
            (items % ITEMS_PER_LOOK == 0 && settle_ready(upload, false, err) != STATUS_OK))
            return error_status(err);
    }
    while (!upload_pool_is_empty(upload->pool))
        if (settle_ready(upload, true, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

static enum status look_at_volume(struct upload *upload, const struct snapshot_plan *plan,
                                  struct error *err)
{
    struct stat copy;
    struct stat volume;
    CLEANUP(fd_closep) int fd = -1;
    if (snapshot_open(plan, &fd, err) != STATUS_OK)
        return FAIL_IN(err, "volume '%s'", plan->volume);
    if (fstat(fd, &copy) != 0 || stat(plan->volume, &volume) != 0)
        return FAIL_ERRNO(err, "volume '%s'", plan->volume);
    int64_t given_ms = upload->context->unseen_ms;
    upload->settled.unseen_ms = given_ms > 0 ? given_ms : settled_unseen_ms(fd);
    upload->copy_device = copy.st_dev;
    upload->volume_device = volume.st_dev;
    return STATUS_OK;
}

static enum status upload_volume(struct upload *upload, size_t volume, struct error *err)
{
    const struct snapshot_plan *plan = &upload->context->volumes[volume];
    struct walk_options options;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    upload->volume = volume;
    upload->is_copy = snapshot_keeps_origins(plan->driver);
    upload->items_before = upload->items;
    if (volume_ancestors_move_to(&upload->ancestors, plan->volume, err) != STATUS_OK ||
        previous_tree_move_to(upload->previous, plan->volume, err) != STATUS_OK ||
        look_at_volume(upload, plan, err) != STATUS_OK ||
        discover_walk(upload->context, volume, true, &options, &walk, err) != STATUS_OK)
        return error_status(err);
    return walk_volume(upload, walk, err);
}

static enum status upload_volumes(struct upload *upload, struct error *err)
{
    for (size_t i = 0; i < upload->context->volume_count; i++)
        if (upload_volume(upload, i, err) != STATUS_OK)
            return error_status(err);
    if (upload->wanted > 0 && upload->lost == upload->wanted)
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_NOTHING_READABLE,
                           "not one of %" PRIu64 " files could be read", upload->wanted);
    if (volume_ancestors_finish(&upload->ancestors, err) != STATUS_OK)
        return error_status(err);
    return tree_stack_finish(&upload->stack, &upload->context->tree, err);
}

/* That there is nothing to compare with costs time, and nothing else. */
static enum status open_previous(struct upload *upload, struct error *err)
{
    struct backup_context *context = upload->context;
    if (!context->previous.found)
        return STATUS_OK;
    upload->settled.began = context->previous.time;
    (void)clock_gettime(CLOCK_REALTIME, &upload->settled.now);
    return previous_tree_open(context->operation.repository, &context->previous.tree,
                              &upload->previous, err);
}

static void tell_damage(const struct upload *upload)
{
    const struct error *damage = previous_tree_damage(upload->previous);
    if (damage->status != STATUS_OK)
        detail_add(upload->context->operation.result->state_details, REASON_PARENT_UNREADABLE,
                   "Earlier backup is damaged: files were read again", damage->text, NULL);
}

static enum status upload_all(struct backup_context *context, struct error *err)
{
    struct upload upload = {.context = context};
    upload.ancestors.stack = &upload.stack;
    upload.ancestors.attributes = &upload.attributes;
    attributes_init(&upload.attributes);

    enum status status = upload_pool_new(context->operation.repository, &content_tasks,
                                         context->threads, &upload.pool, err);
    if (status == STATUS_OK)
        status = tree_stack_init(&upload.stack, context->operation.repository, err);
    if (status == STATUS_OK)
        status = open_previous(&upload, err);
    if (status == STATUS_OK)
        status = upload_volumes(&upload, err);
    tell_damage(&upload);
    previous_tree_close(upload.previous);
    upload_pool_free(upload.pool);
    warnings_finish(&context->warnings);
    tree_stack_done(&upload.stack);
    attributes_done(&upload.attributes);
    return status;
}

enum status upload_run(struct backup_context *context, struct error *err)
{
    if (discover_finish(context, err) != STATUS_OK)
        return error_status(err);
    struct rlimit before;
    walk_raise_descriptors(&before);
    enum status status = upload_all(context, err);
    walk_restore_descriptors(&before);
    return status;
}
