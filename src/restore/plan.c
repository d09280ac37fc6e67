/*
 * The snapshot's trees, one at a time: a tree is read from its beginning to its end, and the
 * directories in it wait, 40 bytes each, until it is their turn. What has no content is made at
 * once; files with content are noted, with the blobs that they want.
 */
#include "core/array.h"
#include "core/cleanup.h"
#include "core/directory.h"
#include "directories.h"
#include "job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    TREE_BYTES_MAX = INT32_MAX, /* as a blob's */
    REPORT_TREES = 256,
    LINK_TARGET_MAX = 4096
};

struct waiting {
    struct blob_id tree;
    uint32_t directory;
    bool included; /* with all that is below */
};

struct planning {
    struct restore *restore;
    struct pack_reader *reader;
    struct restore_directories directories;
    struct waiting *stack;
    size_t count, capacity;
    struct waiting now;
    struct buffer text, path;
    size_t trees;
};

static enum status push(struct planning *planning, const struct blob_id *tree, uint32_t directory,
                        bool included, struct error *err)
{
    if (array_reserve(&planning->stack, &planning->capacity, planning->count + 1,
                      sizeof(*planning->stack), err) != STATUS_OK)
        return FAIL_IN(err, "directories to plan");
    planning->stack[planning->count++] =
        (struct waiting){.tree = *tree, .directory = directory, .included = included};
    return STATUS_OK;
}

static struct restore_directory *directory_at(struct planning *planning, uint32_t directory)
{
    return &planning->restore->tree.directories[directory];
}

/* What is there and is a directory is used; it gets the backup's mode when it is finished. */
static enum status use_directory(int parent, const char *name, bool *ret_made, struct error *err)
{
    struct stat info;
    *ret_made = false;
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return FAIL_ERRNO(err, "look at what is there");
    if (S_ISDIR(info.st_mode)) {
        CLEANUP(fd_closep) int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0)
            (void)directory_open_up(fd);
        return STATUS_OK;
    }
    if (restore_clear(parent, name, err) != STATUS_OK)
        return error_status(err);
    if (mkdirat(parent, name, S_IRWXU) != 0)
        return FAIL_ERRNO(err, "make directory");
    *ret_made = true;
    return STATUS_OK;
}

/* A parent that is not fresh may have an ACL for all that is made in it. */
static void close_to_others(int parent, const char *name)
{
    CLEANUP(fd_closep)
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        attributes_drop_inherited(fd);
}

static enum status make_directory(struct planning *planning, uint32_t directory, struct error *err)
{
    struct restore_directory *entry = directory_at(planning, directory);
    const char *name = restore_tree_name(&planning->restore->tree, entry->name);
    bool made = true;
    int parent = -1;
    if (restore_directories_open(&planning->directories, entry->parent, &parent, err) != STATUS_OK)
        return error_status(err);
    if (mkdirat(parent, name, S_IRWXU) != 0) {
        if (errno != EEXIST)
            return FAIL_ERRNO(err, "make directory");
        if (use_directory(parent, name, &made, err) != STATUS_OK)
            return error_status(err);
    }
    bool fresh_parent = (directory_at(planning, entry->parent)->flags & DIRECTORY_FRESH) != 0;
    if (made && !fresh_parent)
        close_to_others(parent, name);
    entry->flags |= DIRECTORY_MADE | (made ? DIRECTORY_FRESH : 0u);
    return STATUS_OK;
}

/* With the directories above it, which an include may have left out so far. */
static enum status ensure_directory(struct planning *planning, uint32_t directory,
                                    struct error *err)
{
    while ((directory_at(planning, directory)->flags & DIRECTORY_MADE) == 0) {
        uint32_t top = directory;
        while ((directory_at(planning, directory_at(planning, top)->parent)->flags &
                DIRECTORY_MADE) == 0)
            top = directory_at(planning, top)->parent;
        if (make_directory(planning, top, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status add_directory(struct planning *planning, const struct tree_node *node,
                                 bool included, struct error *err)
{
    uint32_t directory = 0;
    if (restore_tree_add_directory(&planning->restore->tree, planning->now.directory, node,
                                   &directory, err) != STATUS_OK)
        return error_status(err);
    struct error cause = {0};
    if (included && ensure_directory(planning, directory, &cause) != STATUS_OK)
        return restore_note(planning->restore, PROBLEM_FILE, directory, NULL, &cause, err);
    if (!node->has_subtree) {
        (void)FAIL(&cause, STATUS_CORRUPT, "a directory without content");
        return restore_note(planning->restore, PROBLEM_DAMAGED, directory, NULL, &cause, err);
    }
    return push(planning, &node->subtree, directory, included, err);
}

static enum status make_link(int directory, const struct tree_node *node, struct error *err)
{
    if (node->link_target == NULL)
        return FAIL(err, STATUS_CORRUPT, "a symbolic link without target");
    if (symlinkat(node->link_target, directory, node->name) == 0)
        return STATUS_OK;
    if (errno != EEXIST)
        return FAIL_ERRNO(err, "make symbolic link");
    if (restore_clear(directory, node->name, err) != STATUS_OK)
        return error_status(err);
    if (symlinkat(node->link_target, directory, node->name) != 0)
        return FAIL_ERRNO(err, "make symbolic link");
    return STATUS_OK;
}

static mode_t type_of(const struct tree_node *node)
{
    static const mode_t types[] = {
        [TREE_NODE_FILE] = S_IFREG,    [TREE_NODE_DIR] = S_IFDIR,     [TREE_NODE_SYMLINK] = S_IFLNK,
        [TREE_NODE_DEV] = S_IFBLK,     [TREE_NODE_CHARDEV] = S_IFCHR, [TREE_NODE_FIFO] = S_IFIFO,
        [TREE_NODE_SOCKET] = S_IFSOCK,
    };
    return types[node->type];
}

static enum status make_special(int directory, const struct tree_node *node, struct error *err)
{
    mode_t mode = type_of(node) | S_IRUSR | S_IWUSR;
    if (mknodat(directory, node->name, mode, (dev_t)node->device) == 0)
        return STATUS_OK;
    if (errno != EEXIST)
        return FAIL_ERRNO(err, "make %s", node->type == TREE_NODE_FIFO ? "fifo" : "device");
    if (restore_clear(directory, node->name, err) != STATUS_OK)
        return error_status(err);
    if (mknodat(directory, node->name, mode, (dev_t)node->device) != 0)
        return FAIL_ERRNO(err, "make %s", node->type == TREE_NODE_FIFO ? "fifo" : "device");
    return STATUS_OK;
}

/* Links, devices, fifos. */
static enum status make_other(struct planning *planning, const struct tree_node *node,
                              struct error *err)
{
    struct restore_tree *tree = &planning->restore->tree;
    struct plain_attributes attributes;
    struct error lost = {0};
    int directory = -1;
    if (restore_directories_open(&planning->directories, planning->now.directory, &directory,
                                 err) != STATUS_OK)
        return error_status(err);
    struct special_entry special = {
        .directory = directory, .name = node->name, .type = type_of(node)};
    enum status status = node->type == TREE_NODE_SYMLINK ? make_link(directory, node, err)
                                                         : make_special(directory, node, err);
    size_t xattrs = tree->xattrs.len;
    if (status != STATUS_OK ||
        plain_attributes_from_node(node, &tree->xattrs, &attributes, err) != STATUS_OK ||
        attributes_set_at(&attributes, &tree->xattrs, &special, &lost, err) != STATUS_OK)
        return error_status(err);
    tree->xattrs.len = xattrs; /* not needed any more */
    if (lost.status == STATUS_OK)
        return STATUS_OK;
    return restore_note(planning->restore, PROBLEM_ATTRIBUTES, planning->now.directory, node->name,
                        &lost, err);
}

static enum status add_other(struct planning *planning, const struct tree_node *node,
                             struct error *err)
{
    bool known = false;
    struct error cause = {0};
    if (node->links > 1 &&
        restore_tree_add_linked(&planning->restore->tree, planning->now.directory, directory_none,
                                node, &known, err) != STATUS_OK)
        return error_status(err);
    if (known || make_other(planning, node, &cause) == STATUS_OK)
        return STATUS_OK;
    bool not_root =
        cause.status == STATUS_FORBIDDEN && node->type != TREE_NODE_SYMLINK && geteuid() != 0;
    return restore_note(planning->restore, not_root ? PROBLEM_ATTRIBUTES : PROBLEM_FILE,
                        planning->now.directory, node->name, &cause, err);
}

static enum status add_wants(struct planning *planning, const struct tree_node *node,
                             struct error *damage, struct error *err)
{
    struct restore *restore = planning->restore;
    for (size_t i = 0; i < node->content_count; i++) {
        struct blob_id id;
        memcpy(&id, &node->content[i], sizeof(id));
        const struct blob_entry *place =
            repository_find_blob(restore->operation.repository, BLOB_DATA, &id);
        if (place == NULL) {
            char text[BLOB_ID_TEXT_SIZE];
            blob_id_to_text(&id, text);
            return FAIL(damage, STATUS_CORRUPT, "blob %s: in no index", text);
        }
        if (restore_tree_add_want(&restore->tree, place, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* One without content is complete at once; one of several pieces is made here, so that they can
 * come in any order, from any thread. */
static enum status make_file(struct planning *planning, struct restore_file *file,
                             struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    int directory = -1;
    if (restore_directories_open(&planning->directories, file->directory, &directory, err) !=
            STATUS_OK ||
        restore_create(planning->restore, file, directory, &fd, err) != STATUS_OK)
        return error_status(err);
    if (file->size == 0)
        return restore_complete(planning->restore, file, fd, err);
    if (ftruncate(fd, (off_t)file->size) != 0)
        return FAIL_ERRNO(err, "give it its size");
    return STATUS_OK;
}

static enum status start_file(struct planning *planning, struct restore_file *file,
                              struct error *err)
{
    bool fresh = (directory_at(planning, file->directory)->flags & DIRECTORY_FRESH) != 0;
    struct error cause = {0};
    if (file->wants > 0 && !fresh)
        file->flags |= FILE_CANDIDATE;
    else if (file->wants != 1 && make_file(planning, file, &cause) != STATUS_OK)
        return restore_fail_file(planning->restore, file, PROBLEM_FILE, &cause, err);
    return STATUS_OK;
}

static enum status add_file(struct planning *planning, const struct tree_node *node,
                            struct error *err)
{
    struct restore *restore = planning->restore;
    uint32_t number = (uint32_t)restore->tree.file_count;
    struct error damage = {0};
    bool known = false;
    if (node->links > 1 && restore_tree_add_linked(&restore->tree, planning->now.directory, number,
                                                   node, &known, err) != STATUS_OK)
        return error_status(err);
    if (known)
        return STATUS_OK;
    if (restore_tree_add_file(&restore->tree, planning->now.directory, node, &number, err) !=
        STATUS_OK)
        return error_status(err);
    enum status status = add_wants(planning, node, &damage, err);
    struct restore_file *file = &restore->tree.files[number];
    restore->bytes_total += file->size;
    if (damage.status != STATUS_OK)
        return restore_fail_file(restore, file, PROBLEM_DAMAGED, &damage, err);
    return status == STATUS_OK ? start_file(planning, file, err) : status;
}

/* The path as an include sees it: from the root of the host. */
static enum status is_included(struct planning *planning, const struct tree_node *node,
                               bool *ret_included, struct error *err)
{
    struct buffer *path = &planning->path;
    size_t len = path->len;
    *ret_included = planning->now.included;
    if (planning->now.included)
        return STATUS_OK;
    if (buffer_add_text(path, "/", err) != STATUS_OK ||
        buffer_add(path, node->name, node->name_len, err) != STATUS_OK)
        return error_status(err);
    *ret_included = exclude_matches(planning->restore->include, (const char *)path->bytes, 0,
                                    node->type == TREE_NODE_DIR);
    path->len = len;
    path->bytes[len] = '\0';
    return STATUS_OK;
}

static enum status add_node(struct planning *planning, const struct tree_node *node,
                            struct error *err)
{
    bool included = false;
    if (is_included(planning, node, &included, err) != STATUS_OK)
        return error_status(err);
    planning->restore->any_included |= included && node->type != TREE_NODE_SOCKET;
    if (node->type == TREE_NODE_DIR)
        return add_directory(planning, node, included, err);
    if (!included || node->type == TREE_NODE_SOCKET)
        return STATUS_OK;
    struct error cause = {0};
    if (ensure_directory(planning, planning->now.directory, &cause) != STATUS_OK)
        return restore_note(planning->restore, PROBLEM_FILE, planning->now.directory, node->name,
                            &cause, err);
    return node->type == TREE_NODE_FILE ? add_file(planning, node, err)
                                        : add_other(planning, node, err);
}

static enum status set_path(struct planning *planning, struct error *err)
{
    char path[PATH_MAX];
    buffer_clear(&planning->path);
    return buffer_add_text(&planning->path,
                           restore_tree_path(&planning->restore->tree, planning->now.directory,
                                             NULL, path, sizeof(path)),
                           err);
}

/* The one that is `now`. */
static enum status open_tree(struct planning *planning, struct tree_reader **ret_reader,
                             struct error *err)
{
    const struct blob_entry *place = repository_find_blob(planning->restore->operation.repository,
                                                          BLOB_TREE, &planning->now.tree);
    if (place == NULL) {
        char text[BLOB_ID_TEXT_SIZE];
        blob_id_to_text(&planning->now.tree, text);
        return FAIL(err, STATUS_CORRUPT, "tree %s: in no index", text);
    }
    if (pack_reader_load(planning->reader, place, &planning->text, err) != STATUS_OK)
        return error_status(err);
    return tree_reader_new(planning->text.bytes, planning->text.len, ret_reader, err);
}

static enum status read_nodes(struct planning *planning, struct error *damage, struct error *err)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    if (open_tree(planning, &reader, damage) != STATUS_OK)
        return STATUS_OK;
    for (;;) {
        struct tree_node node;
        bool more = false;
        if (tree_reader_next(reader, &node, &more, damage) != STATUS_OK || !more)
            return STATUS_OK;
        if (add_node(planning, &node, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status read_tree(struct planning *planning, struct error *err)
{
    struct error damage = {0};
    planning->now = planning->stack[--planning->count];
    if (planning->trees++ % REPORT_TREES == 0 &&
        operation_report(&planning->restore->operation, err) != STATUS_OK)
        return error_status(err);
    if ((!planning->now.included && set_path(planning, err) != STATUS_OK) ||
        read_nodes(planning, &damage, err) != STATUS_OK)
        return error_status(err);
    if (damage.status == STATUS_OK)
        return STATUS_OK;
    return restore_note(planning->restore, PROBLEM_DAMAGED, planning->now.directory, NULL, &damage,
                        err);
}

/* The directory of this name in the tree that is `now`; its attributes go to the root. */
static enum status find_directory(struct planning *planning, const char *name, size_t len,
                                  uint32_t root, struct error *err)
{
    struct restore *restore = planning->restore;
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    if (open_tree(planning, &reader, err) != STATUS_OK)
        return error_status(err);
    for (;;) {
        struct tree_node node;
        bool more = false;
        if (tree_reader_next(reader, &node, &more, err) != STATUS_OK)
            return error_status(err);
        if (!more)
            return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_VOLUME_NOT_IN_BACKUP,
                               "it is not in the backup");
        if (node.name_len != len || memcmp(node.name, name, len) != 0)
            continue;
        if (node.type != TREE_NODE_DIR || !node.has_subtree)
            return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_VOLUME_NOT_IN_BACKUP,
                               "it is not a directory in the backup");
        planning->now.tree = node.subtree;
        struct restore_directory *entry = directory_at(planning, root);
        entry->flags &= ~(uint32_t)DIRECTORY_PLAIN;
        return plain_attributes_from_node(&node, &restore->tree.xattrs, &entry->attributes, err);
    }
}

static enum status descend(struct planning *planning, const char *path, uint32_t root,
                           struct error *err)
{
    planning->now.tree = planning->restore->root;
    for (const char *at = path; *at != '\0';) {
        size_t len = strcspn(at, "/");
        if (len > 0 && find_directory(planning, at, len, root, err) != STATUS_OK)
            return FAIL_IN(err, "'%s'", path);
        at += len + (at[len] == '/' ? 1 : 0);
    }
    return STATUS_OK;
}

static enum status plan(struct planning *planning, int fd, const char *path, struct error *err)
{
    struct restore *restore = planning->restore;
    uint32_t root = 0;
    if (restore_tree_add_root(&restore->tree, fd, path == NULL ? "" : path, &root, err) !=
            STATUS_OK ||
        descend(planning, path == NULL ? "" : path, root, err) != STATUS_OK ||
        push(planning, &planning->now.tree, root, restore->include == NULL, err) != STATUS_OK)
        return error_status(err);
    while (planning->count > 0)
        if (read_tree(planning, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

enum status restore_plan_tree(struct restore *restore, int fd, const char *path, struct error *err)
{
    struct planning planning = {.restore = restore};
    restore_directories_init(&planning.directories, &restore->tree);
    buffer_init(&planning.text, TREE_BYTES_MAX);
    buffer_init(&planning.path, 16 << 20);
    enum status status = pack_reader_new(restore->operation.repository, 0, &planning.reader, err);
    if (status == STATUS_OK)
        status = plan(&planning, fd, path, err);
    pack_reader_free(planning.reader);
    restore_directories_done(&planning.directories);
    buffer_done(&planning.text);
    buffer_done(&planning.path);
    free(planning.stack);
    return status;
}
