#include "files/walk.h"

#include "core/array.h"
#include "core/buffer.h"
#include "files/listing.h"
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* https://bford.info/cachedir/: the first 43 bytes of a regular file of this name. */
static const char cache_tag_name[] = "CACHEDIR.TAG";
static const char cache_tag_signature[] = "Signature: 8a477f597d28d172789f06886806bc55";

/* A directory on the way down. */
struct level {
    struct walk_directory *directory;
    size_t path_len;   /* of its own path */
    size_t next;       /* name to look at */
    size_t end;        /* names to look at */
    bool in_recording; /* the recording of this walk has it */
    bool replays;      /* a recording: there is no list of names; */
    const char *last;  /* the last one that came from it, NULL at first */
    struct listing names;
    struct stat info;
};

struct walk {
    const struct walk_options *options;
    size_t volume_len; /* of the path, without a '/' behind it: 0 for "/" */
    uint64_t mount;    /* stx_mnt_id: what is mounted below it is not entered */
    struct level *levels;
    size_t depth, capacity;
    bool started;
    bool leaving; /* the top was shown as left and goes with the next call */
    struct buffer path;
    struct error failure; /* of the last WALK_FAILED */
};

int walk_open_at(int directory, const char *name, int more_flags)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | more_flags;
    int fd = openat(directory, name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) /* only the owner and root may ask for O_NOATIME */
        fd = openat(directory, name, flags);
    return fd;
}

void walk_raise_descriptors(struct rlimit *ret_before)
{
    if (getrlimit(RLIMIT_NOFILE, ret_before) != 0)
        *ret_before = (struct rlimit){0};
    struct rlimit raised = {.rlim_cur = ret_before->rlim_max, .rlim_max = ret_before->rlim_max};
    if (raised.rlim_max != 0)
        (void)setrlimit(RLIMIT_NOFILE, &raised); /* without it a deep subtree gets a warning */
}

void walk_restore_descriptors(const struct rlimit *before)
{
    if (before->rlim_max != 0)
        (void)setrlimit(RLIMIT_NOFILE, before);
}

static struct walk_directory *directory_new(struct walk_directory *parent, const char *name)
{
    size_t size = strlen(name) + 1;
    struct walk_directory *directory = malloc(sizeof(*directory) + size);
    if (directory == NULL)
        return NULL;
    directory->fd = -1;
    directory->holders = 1;
    directory->parent = walk_hold(parent);
    memcpy(directory->name, name, size);
    return directory;
}

struct walk_directory *walk_hold(struct walk_directory *directory)
{
    if (directory != NULL)
        directory->holders++;
    return directory;
}

void walk_drop(struct walk_directory *directory)
{
    while (directory != NULL && --directory->holders == 0) {
        struct walk_directory *parent = directory->parent;
        fd_closep(&directory->fd);
        free(directory);
        directory = parent;
    }
}

/* From the end to the beginning, since that is how the directories are linked. */
void walk_add_path(const struct walk_directory *directory, const char *name, struct buffer *path)
{
    struct error
        ignored; /* the path is too long to be shown whole: it is shown as far as it goes */
    size_t len = strlen(name);
    for (const struct walk_directory *at = directory; at != NULL; at = at->parent)
        len += strlen(at->name) + 1;
    if (buffer_reserve(path, len, &ignored) != STATUS_OK)
        return;
    char *to = (char *)path->bytes + path->len + len;
    path->len += len;
    *to = '\0';
    for (const char *part = name;; part = directory->name, directory = directory->parent) {
        to -= strlen(part);
        memcpy(to, part, strlen(part));
        if (directory == NULL)
            return;
        *--to = '/';
    }
}

bool walk_is_cache(int directory)
{
    char bytes[sizeof(cache_tag_signature) - 1];
    CLEANUP(fd_closep) int fd = walk_open_at(directory, cache_tag_name, 0);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    return pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes) &&
           memcmp(bytes, cache_tag_signature, sizeof(bytes)) == 0;
}

static enum status reserve_level(struct walk *walk, struct error *err)
{
    if (array_reserve(&walk->levels, &walk->capacity, walk->depth + 1, sizeof(*walk->levels),
                      err) != STATUS_OK)
        return FAIL_IN(err, "walk");
    return STATUS_OK;
}

static const char *last_component(const struct walk *walk);

/* What the walk and its level hold: a new one, which takes fd, also on failure. */
static enum status make_directory(struct walk *walk, int fd, struct walk_directory **ret_directory,
                                  struct error *err)
{
    bool is_volume = walk->depth == 0;
    struct walk_directory *directory =
        is_volume ? directory_new(NULL, walk->path.len == 0 ? "" : (const char *)walk->path.bytes)
                  : directory_new(walk->levels[walk->depth - 1].directory, last_component(walk));
    if (directory == NULL) {
        fd_closep(&fd);
        return FAIL(err, STATUS_NO_MEMORY, "walk");
    }
    directory->fd = fd;
    *ret_directory = directory;
    return STATUS_OK;
}

static enum status list(const struct walk *walk, int directory, struct level *level,
                        struct error *err)
{
    if (listing_read(directory, &level->names, err) != STATUS_OK)
        return error_status(err);
    level->end = level->names.count;
    size_t tag = 0;
    if (walk->options->exclude_caches && listing_find(&level->names, cache_tag_name, &tag) &&
        walk_is_cache(directory)) {
        level->next = tag;
        level->end = tag + 1;
    }
    return STATUS_OK;
}

/* Takes fd, also on failure. */
static enum status push(struct walk *walk, int fd, const struct stat *info, bool replays,
                        struct error *err)
{
    CLEANUP(fd_closep) int directory = fd;
    struct level level = {.path_len = walk->path.len, .replays = replays, .info = *info};
    if (reserve_level(walk, err) != STATUS_OK ||
        (directory >= 0 && !replays && list(walk, directory, &level, err) != STATUS_OK))
        return error_status(err);
    if (make_directory(walk, STEAL_FD(directory), &level.directory, err) != STATUS_OK) {
        listing_done(&level.names);
        return error_status(err);
    }
    walk->levels[walk->depth++] = level;
    return STATUS_OK;
}

static void pop(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];
    walk_drop(level->directory);
    listing_done(&level->names);
}

/* Is it still the same directory, with the same names in it? */
static bool is_unchanged(const struct stat *was, const struct stat *is)
{
    return was->st_dev == is->st_dev && was->st_ino == is->st_ino &&
           was->st_mtim.tv_sec == is->st_mtim.tv_sec &&
           was->st_mtim.tv_nsec == is->st_mtim.tv_nsec &&
           was->st_ctim.tv_sec == is->st_ctim.tv_sec && was->st_ctim.tv_nsec == is->st_ctim.tv_nsec;
}

/* Its first step is the volume itself. */
static bool starts_to_follow(const struct walk *walk, const struct stat *info)
{
    struct recording_step step;
    if (walk->options->replays == NULL)
        return false;
    walk_recording_next(walk->options->replays, &step);
    return step.kind == RECORDING_ENTRY && is_unchanged(&step.info, info);
}

/* 0, or -1 and errno. */
static int find_mount(int directory, const char *name, int flags, uint64_t *ret_mount)
{
    struct statx info;
    if (statx(directory, name, flags, STATX_MNT_ID, &info) != 0)
        return -1;
    *ret_mount = info.stx_mnt_id;
    errno = ENOTSUP; /* Linux before 5.8 */
    return (info.stx_mask & STATX_MNT_ID) != 0 ? 0 : -1;
}

enum status walk_open(const struct walk_options *options, int fd, struct walk **ret_walk,
                      struct error *err)
{
    CLEANUP(fd_closep) int directory = fd;
    CLEANUP(walk_closep) struct walk *walk = NULL;
    walk = calloc(1, sizeof(*walk));
    if (walk == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "walk");
    walk->options = options;
    buffer_init(&walk->path, WALK_PATH_MAX);
    walk->volume_len = strcmp(options->volume, "/") == 0 ? 0 : strlen(options->volume);
    struct stat info;
    if (fstat(directory, &info) != 0)
        return FAIL_ERRNO(err, "volume '%s'", options->volume);
    if (find_mount(directory, "", AT_EMPTY_PATH, &walk->mount) != 0)
        return FAIL_ERRNO(err, "volume '%s'", options->volume);
    if (buffer_add(&walk->path, options->volume, walk->volume_len, err) != STATUS_OK ||
        push(walk, STEAL_FD(directory), &info, starts_to_follow(walk, &info), err) != STATUS_OK)
        return FAIL_IN(err, "volume '%s'", options->volume);
    if (options->records != NULL)
        walk->levels[0].in_recording = walk_recording_add_entry(options->records, "", &info);
    *ret_walk = STEAL(walk);
    return STATUS_OK;
}

void walk_close(struct walk *walk)
{
    if (walk == NULL)
        return;
    while (walk->depth > 0)
        pop(walk);
    free(walk->levels);
    buffer_done(&walk->path);
    free(walk);
}

static const char *last_component(const struct walk *walk)
{
    const char *path = (const char *)walk->path.bytes;
    const char *slash = path == NULL || walk->path.len == 0 ? NULL : strrchr(path, '/');
    return slash == NULL ? "" : slash + 1;
}

/* The item for the directory on top of the stack. */
static void describe_directory(const struct walk *walk, enum walk_kind kind,
                               struct walk_item *ret_item)
{
    const struct level *level = &walk->levels[walk->depth - 1];
    struct walk_directory *above = walk->depth > 1 ? walk->levels[walk->depth - 2].directory : NULL;
    *ret_item = (struct walk_item){
        .kind = kind,
        .path = walk->path.len == 0 ? "/" : (const char *)walk->path.bytes,
        .name = last_component(walk),
        .parent = above == NULL ? -1 : above->fd,
        .holder = above,
        .self = level->directory,
        .info = level->info,
        .is_directory = true,
    };
}

static bool is_skipped(const struct walk *walk, const struct walk_item *item)
{
    if (S_ISSOCK(item->info.st_mode) || (item->is_directory && snapshot_is_ours(item->name)))
        return true;
    return walk->options->exclude != NULL && exclude_matches(walk->options->exclude, item->path,
                                                             walk->volume_len, item->is_directory);
}

static void mark_failed(const struct walk *walk, struct walk_item *item)
{
    item->kind = WALK_FAILED;
    item->failure = &walk->failure;
}

/* What the second walk shall know of it; whether it can be spared a look of its own. */
static bool record_directory(const struct walk *walk, const struct walk_item *item, bool is_known)
{
    if (walk->options->records == NULL)
        return false;
    if (is_known)
        return walk_recording_add_entry(walk->options->records, item->name, &item->info);
    walk_recording_add_look(walk->options->records, item->name);
    return false;
}

/* The device of the directory above says that it is no border, and costs nothing. A nested btrfs
 * subvolume has a device of its own, and is still the same mount. */
static bool is_across_border(const struct walk *walk, const struct walk_item *item)
{
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    uint64_t mount = 0;
    if (item->info.st_dev == walk->levels[walk->depth - 1].info.st_dev)
        return false;
    return find_mount(item->parent, item->name, flags, &mount) != 0 || mount != walk->mount;
}

/* *ret_replays: from is_recorded, if the directory is still what the recording says. */
static enum status open_directory(struct walk *walk, struct walk_item *item, bool is_recorded,
                                  int *ret_fd, bool *ret_replays)
{
    struct stat seen = item->info;
    CLEANUP(fd_closep) int fd = -1;
    if (!is_across_border(walk, item)) {
        fd = walk_open_at(item->parent, item->name, O_DIRECTORY);
        if (fd < 0 || fstat(fd, &item->info) != 0)
            return FAIL_ERRNO(&walk->failure, "open");
    }
    *ret_replays = is_recorded && fd >= 0 && is_unchanged(&seen, &item->info);
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status enter(struct walk *walk, struct walk_item *item, bool is_recorded,
                         struct error *err)
{
    int fd = -1;
    bool replays = false;
    enum status status = open_directory(walk, item, is_recorded, &fd, &replays);
    if (is_recorded && !replays)
        walk_recording_skip(walk->options->replays);
    bool has_names = fd >= 0;
    if (status == STATUS_OK)
        status = push(walk, fd, &item->info, replays, &walk->failure);
    if (status == STATUS_NO_MEMORY) {
        *err = walk->failure;
        return FAIL_IN(err, "'%s'", item->path);
    }
    bool in_recording = record_directory(walk, item, status == STATUS_OK && has_names);
    if (status != STATUS_OK) {
        mark_failed(walk, item);
        return STATUS_OK;
    }
    walk->levels[walk->depth - 1].in_recording = in_recording;
    describe_directory(walk, WALK_ENTER, item);
    return STATUS_OK;
}

/* What is known of it already need not be looked at. */
static void look(struct walk *walk, const struct recording_step *step, struct walk_item *item)
{
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    if (step->kind == RECORDING_ENTRY) {
        item->info = step->info;
    } else if (fstatat(item->parent, item->name, &item->info, flags) != 0) {
        error_set_errno(&walk->failure, errno, "look at");
        mark_failed(walk, item);
    }
    item->is_directory = S_ISDIR(item->info.st_mode);
}

/* An entry of the directory on top. *ret_skipped: it is one that nobody shall see. */
static enum status look_at(struct walk *walk, struct level *level,
                           const struct recording_step *step, struct walk_item *item,
                           bool *ret_skipped, struct error *err)
{
    const char *name = step->name;
    walk->path.len = level->path_len;
    *ret_skipped = false;
    struct walk_directory *holder = level->directory;
    *item = (struct walk_item){
        .kind = WALK_ENTRY, .parent = holder->fd, .holder = holder, .name = name};
    if (walk->path.len + strlen(name) + 1 > WALK_PATH_MAX) {
        walk->path.bytes[walk->path.len] = '\0';
        item->path = (const char *)walk->path.bytes;
        error_set_errno(&walk->failure, ENAMETOOLONG, "'%s'", name);
        mark_failed(walk, item);
        return STATUS_OK;
    }
    if (buffer_add_text(&walk->path, "/", err) != STATUS_OK ||
        buffer_add_text(&walk->path, name, err) != STATUS_OK)
        return error_status(err);
    item->path = (const char *)walk->path.bytes;

    look(walk, step, item);
    /* Also if it has gone: what is excluded is no news. On a recording there is nothing of it. */
    *ret_skipped = step->kind != RECORDING_ENTRY && is_skipped(walk, item);
    return STATUS_OK;
}

/* The recording ends here: what comes behind its last name is found in the directory itself. */
static enum status stop_following(const struct walk *walk, struct level *level, struct error *err)
{
    level->replays = false;
    if (list(walk, level->directory->fd, level, err) != STATUS_OK)
        return FAIL_IN(err, "'%s'", (const char *)walk->path.bytes);
    while (level->last != NULL && level->next < level->end &&
           strcmp(listing_at(&level->names, level->next), level->last) <= 0)
        level->next++;
    return STATUS_OK;
}

/* What is next in the directory on top. */
static enum status find_step(const struct walk *walk, struct level *level,
                             struct recording_step *ret_step, struct error *err)
{
    if (level->replays) {
        walk_recording_next(walk->options->replays, ret_step);
        if (ret_step->kind != RECORDING_END) {
            level->last = ret_step->name;
            return STATUS_OK;
        }
        if (stop_following(walk, level, err) != STATUS_OK)
            return error_status(err);
    }
    ret_step->kind = level->next == level->end ? RECORDING_LEAVE : RECORDING_LOOK;
    if (ret_step->kind == RECORDING_LOOK)
        ret_step->name = listing_at(&level->names, level->next++);
    return STATUS_OK;
}

/* Back up in the directory on top, whose path is the shorter one again. */
static void leave(struct walk *walk, struct walk_item *ret_item)
{
    if (walk->levels[walk->depth - 1].in_recording)
        walk_recording_add_leave(walk->options->records);
    walk->path.len = walk->levels[walk->depth - 1].path_len;
    if (walk->path.bytes != NULL)
        walk->path.bytes[walk->path.len] = '\0';
    describe_directory(walk, WALK_LEAVE, ret_item);
    walk->leaving = true;
}

enum status walk_next(struct walk *walk, struct walk_item *ret_item, struct error *err)
{
    if (!walk->started) {
        walk->started = true;
        describe_directory(walk, WALK_ENTER, ret_item);
        return STATUS_OK;
    }
    if (walk->leaving)
        pop(walk);
    walk->leaving = false;
    while (walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth - 1];
        struct recording_step step;
        if (find_step(walk, level, &step, err) != STATUS_OK)
            return error_status(err);
        if (step.kind == RECORDING_LEAVE) {
            leave(walk, ret_item);
            return STATUS_OK;
        }
        bool skipped = false;
        if (look_at(walk, level, &step, ret_item, &skipped, err) != STATUS_OK)
            return error_status(err);
        if (skipped)
            continue;
        if (ret_item->kind == WALK_ENTRY && ret_item->is_directory)
            return enter(walk, ret_item, step.kind == RECORDING_ENTRY, err);
        (void)record_directory(walk, ret_item, ret_item->kind == WALK_ENTRY);
        return STATUS_OK;
    }
    *ret_item = (struct walk_item){.kind = WALK_END, .parent = -1};
    return STATUS_OK;
}
