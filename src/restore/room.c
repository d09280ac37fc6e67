#include "room.h"

#include "core/array.h"
#include "core/cleanup.h"
#include "core/directory.h"

#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    TREE_BYTES_MAX = INT32_MAX, /* as a blob's */
    REPORT_TREES = 256,
    ZFS_MAGIC = 0x2fc12fc1
};

static const long bcachefs_magic = 0xca451a4e;

/* What a volume needs, and what is free where it would be restored. */
struct need {
    const char *volume;
    uint64_t bytes, entries;
    dev_t device;
    uint64_t free_bytes, free_entries;
    bool known; /* what is free says something */
};

struct measuring {
    struct restore *restore;
    struct pack_reader *reader;
    struct buffer text;
    struct blob_id *trees; /* still to be read */
    size_t count, capacity, read;
};

/* --- what is free --- */

static bool may_compress(int fd)
{
    struct statfs system;
    return fstatfs(fd, &system) != 0 || system.f_type == BTRFS_SUPER_MAGIC ||
           system.f_type == ZFS_MAGIC || system.f_type == bcachefs_magic;
}

static bool look_at(int fd, struct need *need)
{
    struct stat info;
    struct statvfs system;
    if (may_compress(fd) || fstat(fd, &info) != 0 || fstatvfs(fd, &system) != 0)
        return false;
    uint64_t blocks = geteuid() == 0 ? system.f_bfree : system.f_bavail;
    need->device = info.st_dev;
    need->free_bytes = blocks * system.f_frsize;
    need->free_entries = system.f_files == 0 ? UINT64_MAX : system.f_ffree;
    return true;
}

/* Beside the volume, or in it, if it is a mount of its own. *ret_there: it holds something. */
static void look_around(struct need *need, bool *ret_there)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(fd_closep) int around = -1;
    struct stat inner, outer;
    struct error ignored;
    *ret_there = false;
    if (directory_open(need->volume, &fd, &ignored) != STATUS_OK ||
        directory_has_more(fd, "lost+found", ret_there, &ignored) != STATUS_OK)
        *ret_there = false;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", need->volume);
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[slash == path ? 1 : 0] = '\0';
    if (directory_open(path, &around, &ignored) != STATUS_OK || fstat(around, &outer) != 0)
        return;
    bool own_mount = fd >= 0 && fstat(fd, &inner) == 0 && inner.st_dev != outer.st_dev;
    need->known = look_at(own_mount ? fd : around, need);
}

/* --- what is needed --- */

static enum status push(struct measuring *measuring, const struct blob_id *tree, struct error *err)
{
    if (array_reserve(&measuring->trees, &measuring->capacity, measuring->count + 1,
                      sizeof(*measuring->trees), err) != STATUS_OK)
        return FAIL_IN(err, "directories to measure");
    measuring->trees[measuring->count++] = *tree;
    return STATUS_OK;
}

static uint64_t bytes_of(const struct measuring *measuring, const struct tree_node *node)
{
    const struct repository *repository = measuring->restore->operation.repository;
    uint64_t bytes = 0;
    for (size_t i = 0; i < node->content_count; i++) {
        if (i > 0 && memcmp(&node->content[i], &node->content[i - 1], sizeof(*node->content)) == 0)
            continue;
        const struct blob_entry *place =
            repository_find_blob(repository, BLOB_DATA, &node->content[i]);
        bytes += place == NULL ? 0 : blob_place_plain_bytes(place);
    }
    return node->links > 1 ? bytes / node->links : bytes;
}

/* Opens a tree; *ret_reader NULL: it is damaged, which is told when it is restored. */
static enum status open_tree(struct measuring *measuring, const struct blob_id *id,
                             struct tree_reader **ret_reader, struct error *err)
{
    const struct operation *operation = &measuring->restore->operation;
    const struct blob_entry *place = repository_find_blob(operation->repository, BLOB_TREE, id);
    if (place == NULL)
        return STATUS_OK;
    enum status status = pack_reader_load(measuring->reader, place, &measuring->text, err);
    if (status == STATUS_OK)
        status = tree_reader_new(measuring->text.bytes, measuring->text.len, ret_reader, err);
    return restore_is_fatal(status) ? status : STATUS_OK;
}

static bool next_node(struct tree_reader *reader, struct tree_node *node)
{
    bool more = false;
    struct error damage;
    return tree_reader_next(reader, node, &more, &damage) == STATUS_OK && more;
}

static enum status measure_tree(struct measuring *measuring, const struct blob_id *id,
                                struct need *need, struct error *err)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    struct tree_node node;
    if (measuring->read++ % REPORT_TREES == 0 &&
        operation_report(&measuring->restore->operation, err) != STATUS_OK)
        return error_status(err);
    if (open_tree(measuring, id, &reader, err) != STATUS_OK)
        return error_status(err);
    while (reader != NULL && next_node(reader, &node)) {
        need->entries += node.links <= 1 || node.type == TREE_NODE_DIR;
        need->bytes += bytes_of(measuring, &node);
        if (node.has_subtree && push(measuring, &node.subtree, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* *ret_found false: it is not in the backup, which is told when it is restored. */
static enum status find_below(struct measuring *measuring, const char *name, size_t len,
                              struct blob_id *id, bool *ret_found, struct error *err)
{
    CLEANUP(tree_reader_freep) struct tree_reader *reader = NULL;
    struct tree_node node;
    *ret_found = false;
    if (open_tree(measuring, id, &reader, err) != STATUS_OK)
        return error_status(err);
    while (reader != NULL && !*ret_found && next_node(reader, &node)) {
        *ret_found = node.has_subtree && node.name_len == len && memcmp(node.name, name, len) == 0;
        if (*ret_found)
            *id = node.subtree;
    }
    return STATUS_OK;
}

static enum status measure(struct measuring *measuring, struct need *need, struct error *err)
{
    struct blob_id id = measuring->restore->root;
    bool found = true;
    for (const char *at = need->volume; found && *at != '\0';) {
        size_t len = strcspn(at, "/");
        if (len > 0 && find_below(measuring, at, len, &id, &found, err) != STATUS_OK)
            return error_status(err);
        at += len + (at[len] == '/' ? 1 : 0);
    }
    if (!found)
        return STATUS_OK;
    if (push(measuring, &id, err) != STATUS_OK)
        return error_status(err);
    while (measuring->count > 0) {
        id = measuring->trees[--measuring->count];
        if (measure_tree(measuring, &id, need, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status measure_all(struct restore *restore, struct need *needs, size_t count,
                               struct error *err)
{
    struct measuring measuring = {.restore = restore};
    buffer_init(&measuring.text, TREE_BYTES_MAX);
    enum status status = pack_reader_new(restore->operation.repository, 0, &measuring.reader, err);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (needs[i].known)
            status = measure(&measuring, &needs[i], err);
    pack_reader_free(measuring.reader);
    buffer_done(&measuring.text);
    free(measuring.trees);
    return status;
}

/* --- both --- */

/* By what the snapshot says of itself: enough in most cases. */
static bool surely_fits(const struct restore *restore, const struct need *needs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (needs[i].known &&
            (restore->snapshot_bytes == 0 || needs[i].free_bytes < restore->snapshot_bytes ||
             needs[i].free_entries < restore->snapshot_entries)) {
            return false;
        }
    }
    return true;
}

/* With those of the same file system. */
static enum status check_need(const struct need *needs, size_t count, size_t one, struct error *err)
{
    uint64_t bytes = 0;
    uint64_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        bool same = needs[i].known && needs[i].device == needs[one].device;
        bytes += same ? needs[i].bytes : 0;
        entries += same ? needs[i].entries : 0;
    }
    if (bytes > needs[one].free_bytes) {
        return FAIL_REASON(err, STATUS_CONFLICT, REASON_NO_ROOM,
                           "volume '%s': the restored data needs at least %llu bytes beside the "
                           "old, and %llu are free there",
                           needs[one].volume, (unsigned long long)bytes,
                           (unsigned long long)needs[one].free_bytes);
    }
    if (entries > needs[one].free_entries) {
        return FAIL_REASON(err, STATUS_CONFLICT, REASON_NO_ROOM,
                           "volume '%s': the restored data needs at least %llu inodes beside the "
                           "old, and %llu are free there",
                           needs[one].volume, (unsigned long long)entries,
                           (unsigned long long)needs[one].free_entries);
    }
    return STATUS_OK;
}

static enum status check_needs(struct restore *restore, struct need *needs, size_t count,
                               struct error *err)
{
    if (surely_fits(restore, needs, count))
        return STATUS_OK;
    if (measure_all(restore, needs, count, err) != STATUS_OK)
        return FAIL_IN(err, "look for room");
    for (size_t i = 0; i < count; i++)
        if (needs[i].known && check_need(needs, count, i, err) != STATUS_OK)
            return error_status(err);
    return STATUS_OK;
}

enum status room_check(struct restore *restore, bool before_hooks, bool *ret_sure,
                       struct error *err)
{
    const struct app_definition *app = restore->operation.app;
    bool hooks_to_come = before_hooks && app->hooks[HOOK_PRE_RESTORE].count > 0;
    size_t count = 0;
    *ret_sure = true;
    while (app->volumes[count] != NULL)
        count++;
    CLEANUP(free_any) struct need *needs = calloc(count + 1, sizeof(*needs));
    if (needs == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu volumes", count);
    for (size_t i = 0; i < count; i++) {
        bool there = false;
        needs[i].volume = app->volumes[i];
        look_around(&needs[i], &there);
        if (!there && hooks_to_come)
            *ret_sure = needs[i].known = false;
    }
    return check_needs(restore, needs, count, err);
}
