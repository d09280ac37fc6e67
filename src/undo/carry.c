#include "carry.h"

#include "core/array.h"
#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/directory.h"
#include "core/id.h"
#include "core/point.h"
#include "files/attributes.h"
#include "files/attributes_set.h"
#include "files/listing.h"
#include "files/walk.h"
#include "move.h"
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    MAKING_NAME_SIZE = ID_SIZE + 16
};

/* A directory of the old tree on the way down, and its counterpart. */
struct level {
    int old_fd, new_fd;       /* new_fd: -1 as long as there is none */
    bool blocked;             /* there is something else in its place, or above it */
    bool all;                 /* all that is in it is excluded */
    bool touched;             /* entries came into the new one */
    struct stat info;         /* of the old one, before anything left it */
    struct timespec times[2]; /* of the new one, before anything came */
    struct listing names;
    size_t next;     /* name to look at */
    size_t path_len; /* of its own path */
};

struct carry {
    const struct carry_options *options;
    size_t volume_len; /* of the path, without a '/' behind it: 0 for "/" */
    char making[MAKING_NAME_SIZE];
    struct level *levels;
    size_t depth, capacity;
    struct buffer path;
    size_t left; /* entries that could not be carried */
    struct error first;
};

static struct level *top(const struct carry *carry)
{
    return &carry->levels[carry->depth - 1];
}

static void note_left(struct carry *carry, const struct error *cause)
{
    if (carry->left++ > 0)
        return;
    carry->first = *cause;
    error_wrap(&carry->first, "'%.250s'", (const char *)carry->path.bytes);
}

static void level_done(struct level *level)
{
    fd_closep(&level->old_fd);
    fd_closep(&level->new_fd);
    listing_done(&level->names);
}

static void keep_times(struct level *level, const struct stat *info)
{
    level->times[0] = info->st_atim;
    level->times[1] = info->st_mtim;
}

static enum status read_level(const struct carry *carry, struct level *level, struct error *err)
{
    struct stat info;
    if (fstat(level->old_fd, &level->info) != 0 ||
        (level->new_fd >= 0 && fstat(level->new_fd, &info) != 0))
        return FAIL_ERRNO(err, "look at directory");
    if (level->new_fd >= 0)
        keep_times(level, &info);
    if (listing_read(level->old_fd, &level->names, err) != STATUS_OK)
        return error_status(err);
    if (carry->options->exclude_caches && walk_is_cache(level->old_fd))
        level->all = true;
    level->path_len = carry->path.len;
    return STATUS_OK;
}

/* Takes what the level holds, also on failure. */
static enum status push(struct carry *carry, struct level *level, struct error *err)
{
    enum status status = array_reserve(&carry->levels, &carry->capacity, carry->depth + 1,
                                       sizeof(*carry->levels), err);
    if (status == STATUS_OK)
        status = read_level(carry, level, err);
    if (status != STATUS_OK)
        level_done(level);
    else
        carry->levels[carry->depth++] = *level;
    return status;
}

static void pop(struct carry *carry)
{
    struct level *level = top(carry);
    if (level->touched)
        (void)futimens(level->new_fd, level->times); /* best effort: its entries count */
    level_done(level);
    carry->depth--;
}

/* The next level down, on both sides. */
static enum status enter(struct carry *carry, const char *name, bool all, struct error *err)
{
    const struct level *parent = top(carry);
    struct level level = {.old_fd = -1, .new_fd = -1, .blocked = parent->blocked, .all = all};
    level.old_fd = openat(parent->old_fd, name, DIRECTORY_FLAGS);
    if (level.old_fd < 0)
        return FAIL_ERRNO(err, "open directory");
    if (parent->new_fd >= 0)
        level.new_fd = openat(parent->new_fd, name, DIRECTORY_FLAGS);
    if (parent->new_fd >= 0 && level.new_fd < 0 && errno != ENOENT) {
        level.blocked = errno == ENOTDIR || errno == ELOOP;
        if (!level.blocked) {
            (void)FAIL_ERRNO(err, "open what was restored");
            level_done(&level);
            return error_status(err);
        }
    }
    return push(carry, &level, err);
}

/* As the old one is, as far as that can be set. */
static enum status copy_attributes(const struct level *level, int fd, struct error *err)
{
    const struct attributes_place place = {
        .fd = level->old_fd, .directory = level->old_fd, .name = "."};
    struct attributes attributes;
    struct buffer list;
    struct plain_attributes wanted;
    struct tree_node node;
    struct error lost;
    attributes_init(&attributes);
    xattr_list_init(&list);
    attributes_drop_inherited(fd);
    enum status status = attributes_read(&attributes, &place, &level->info, &node, &lost, err);
    if (status == STATUS_OK)
        status = plain_attributes_from_node(&node, &list, &wanted, err);
    if (status == STATUS_OK)
        status = attributes_set(&wanted, &list, fd, &lost, err);
    buffer_done(&list);
    attributes_done(&attributes);
    return status;
}

/* It comes into the new tree as a whole: one that a crash has left without its owner and mode would
 * be taken for the backup's. */
static enum status make_directory(const struct carry *carry, struct level *parent,
                                  struct level *level, struct error *err)
{
    const char *name = listing_at(&parent->names, parent->next - 1);
    (void)directory_open_up(parent->old_fd); /* it goes, or is for people to look at */
    (void)unlinkat(parent->old_fd, carry->making, AT_REMOVEDIR); /* an earlier attempt's */
    if (mkdirat(parent->old_fd, carry->making, S_IRWXU) != 0)
        return FAIL_ERRNO(err, "make directory '%s'", name);
    CLEANUP(fd_closep) int fd = openat(parent->old_fd, carry->making, DIRECTORY_FLAGS);
    if (fd < 0)
        return FAIL_ERRNO(err, "open directory '%s'", name);
    if (copy_attributes(level, fd, err) != STATUS_OK)
        return FAIL_IN(err, "directory '%s'", name);
    if (move_entry(parent->old_fd, carry->making, parent->new_fd, name) != 0)
        return FAIL_ERRNO(err, "move directory '%s'", name);
    parent->touched = true;
    level->new_fd = STEAL_FD(fd);
    keep_times(level, &level->info);
    return STATUS_OK;
}

/* The root has a counterpart at all times. */
static enum status make_parents(const struct carry *carry, struct error *err)
{
    size_t missing = carry->depth;
    while (carry->levels[missing - 1].new_fd < 0)
        missing--;
    for (; missing < carry->depth; missing++) {
        struct level *level = &carry->levels[missing];
        if (make_directory(carry, level - 1, level, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

/* *ret_there: the new tree has it, and nothing was done. */
static enum status move(const struct carry *carry, const char *name, bool *ret_there,
                        struct error *err)
{
    struct level *level = top(carry);
    *ret_there = false;
    if (level->blocked)
        return FAIL(err, STATUS_CONFLICT, "its directory is not one in the backup");
    if (level->new_fd < 0 && make_parents(carry, err) != STATUS_OK)
        return error_status(err);
    if (move_entry(level->old_fd, name, level->new_fd, name) != 0) {
        *ret_there = errno == EEXIST;
        return *ret_there ? STATUS_OK : FAIL_ERRNO(err, "move");
    }
    level->touched = true;
    point_pass("carried");
    return STATUS_OK;
}

static enum status set_path(struct carry *carry, const char *name, struct error *err)
{
    carry->path.len = top(carry)->path_len;
    if (buffer_add_text(&carry->path, "/", err) != STATUS_OK ||
        buffer_add_text(&carry->path, name, err) != STATUS_OK)
        return FAIL_IN(err, "'%s'", name);
    return STATUS_OK;
}

static enum status look_at(struct carry *carry, const char *name, struct error *err)
{
    const struct level *level = top(carry);
    struct stat info;
    if (set_path(carry, name, err) != STATUS_OK)
        return error_status(err);
    if (fstatat(level->old_fd, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "look at");
    bool is_directory = S_ISDIR(info.st_mode);
    if (is_directory && snapshot_is_ours(name))
        return STATUS_OK;
    bool excluded =
        level->all || exclude_matches(carry->options->exclude, (const char *)carry->path.bytes,
                                      carry->volume_len, is_directory);
    bool there = true;
    if (excluded && move(carry, name, &there, err) != STATUS_OK)
        return error_status(err);
    return is_directory && there ? enter(carry, name, excluded, err) : STATUS_OK;
}

static void carry_all(struct carry *carry)
{
    while (carry->depth > 0) {
        struct level *level = top(carry);
        struct error cause = {0};
        if (level->next == level->names.count)
            pop(carry);
        else if (look_at(carry, listing_at(&level->names, level->next++), &cause) != STATUS_OK)
            note_left(carry, &cause);
    }
}

static enum status push_root(struct carry *carry, int old_fd, int new_fd, struct error *err)
{
    struct level root = {
        .old_fd = fcntl(old_fd, F_DUPFD_CLOEXEC, 0),
        .new_fd = fcntl(new_fd, F_DUPFD_CLOEXEC, 0),
    };
    if (root.old_fd >= 0 && root.new_fd >= 0)
        return push(carry, &root, err);
    (void)FAIL_ERRNO(err, "duplicate descriptors");
    level_done(&root);
    return error_status(err);
}

enum status carry_excluded(const struct carry_options *options, int old_fd, int new_fd,
                           struct error *err)
{
    struct carry carry = {.options = options};
    struct rlimit before;
    carry.volume_len = strcmp(options->volume, "/") == 0 ? 0 : strlen(options->volume);
    buffer_init(&carry.path, WALK_PATH_MAX);
    (void)snprintf(carry.making, sizeof(carry.making), ".appbackup-%s-1", options->job);
    walk_raise_descriptors(&before);
    enum status status = buffer_add(&carry.path, options->volume, carry.volume_len, err);
    if (status == STATUS_OK)
        status = push_root(&carry, old_fd, new_fd, err);
    carry_all(&carry);
    walk_restore_descriptors(&before);
    free(carry.levels);
    buffer_done(&carry.path);
    if (status == STATUS_OK && carry.left > 0) {
        *err = carry.first;
        status = carry.left == 1 ? error_status(err)
                                 : FAIL_IN(err, "%zu entries, the first one", carry.left);
    }
    /* Before anybody writes down elsewhere that the old may go. */
    if (status == STATUS_OK && syncfs(new_fd) != 0)
        status = FAIL_ERRNO(err, "sync");
    return status;
}
