#include "files/walk.h"

#include "core/array.h"
#include "core/buffer.h"
#include "core/directory.h"
#include "core/look.h"
#include "files/listing.h"
#include "files/mounts.h"
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* https://bford.info/cachedir/: the first 43 bytes of a regular file of this name. */
static const char cache_tag_name[] = "CACHEDIR.TAG";
static const char cache_tag_signature[] = "Signature: 8a477f597d28d172789f06886806bc55";

/* The directories on top keep their descriptors; of those above only who is still held by others. */
enum { OPEN_LEVELS = 64, CACHE_TAG_WAIT_MS = 1000 };

/* A directory on the way down. */
struct level {
    struct walk_directory *directory;
    uint64_t mount;    /* stx_mnt_id that it is in */
    size_t path_len;   /* of its own path */
    size_t next;       /* name to look at */
    size_t end;        /* names to look at */
    bool in_recording; /* the recording of this walk has it */
    bool is_closed;    /* for the time being: below it the walk is far down */
    bool is_lost;      /* it is not found again: somebody has moved it meanwhile */
    bool replays;      /* a recording: there is no list of names; */
    const char *last;  /* the last one that came from it, NULL at first */
    struct listing names;
    struct stat info;
};

struct walk {
    const struct walk_options *options;
    size_t volume_len;    /* of the path, without a '/' behind it: 0 for "/" */
    struct mounts mounts; /* once something is mounted below the volume */
    struct level *levels;
    size_t depth, capacity;
    size_t may_close; /* the first level whose descriptor may have to be closed */
    bool started;
    bool leaving; /* the top was shown as left and goes with the next call */
    struct buffer path;
    struct error failure; /* of the last WALK_FAILED */
};

enum { OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

/* Only the owner and root may ask for O_NOATIME. */
int walk_open_at(int directory, const char *name, struct patience *patience)
{
    int fd = patient_openat(directory, name, OPEN_FLAGS | O_NOATIME, patience);
    return fd < 0 && errno == EPERM ? patient_openat(directory, name, OPEN_FLAGS, patience) : fd;
}

static int open_directory_at(int directory, const char *name, enum directory_bounds bounds)
{
    int flags = OPEN_FLAGS | O_DIRECTORY;
    int fd = directory_open_at(directory, name, flags | O_NOATIME, bounds);
    return fd < 0 && errno == EPERM ? directory_open_at(directory, name, flags, bounds) : fd;
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

struct walk_directory *walk_twin(const struct walk_directory *directory, int fd)
{
    struct walk_directory *twin = directory_new(directory->parent, directory->name);
    if (twin == NULL)
        fd_closep(&fd);
    else
        twin->fd = fd;
    return twin;
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
    struct patience patience = {.file_ms = CACHE_TAG_WAIT_MS, .left_ms = CACHE_TAG_WAIT_MS};
    CLEANUP(fd_closep) int fd = walk_open_at(directory, cache_tag_name, &patience);
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

/* Has nobody but the walk an eye on the directory? Then its descriptor is got again, on the way
 * back. */
static void close_if_free(struct level *level)
{
    struct walk_directory *directory = level->directory;
    bool is_free = directory->holders == 2; /* the level, and the directory below */
    if (directory->fd < 0 || !is_free)
        return;
    (void)close(directory->fd);
    directory->fd = -1;
    level->is_closed = true;
}

/* The volume itself stays open: it is what is left to start from. */
static void close_far_levels(struct walk *walk)
{
    if (walk->depth <= OPEN_LEVELS)
        return;
    size_t end = walk->depth - OPEN_LEVELS;
    if (walk->may_close == 0)
        walk->may_close = 1;
    for (size_t i = walk->may_close; i < end; i++)
        close_if_free(&walk->levels[i]);
    while (walk->may_close < end && walk->levels[walk->may_close].directory->fd < 0)
        walk->may_close++;
}

/* Takes fd, also on failure. */
static enum status push(struct walk *walk, int fd, const struct level *about, struct error *err)
{
    CLEANUP(fd_closep) int directory = fd;
    struct level level = *about;
    level.path_len = walk->path.len;
    if (reserve_level(walk, err) != STATUS_OK ||
        (directory >= 0 && !level.replays && list(walk, directory, &level, err) != STATUS_OK))
        return error_status(err);
    if (make_directory(walk, STEAL_FD(directory), &level.directory, err) != STATUS_OK) {
        listing_done(&level.names);
        return error_status(err);
    }
    walk->levels[walk->depth++] = level;
    close_far_levels(walk);
    return STATUS_OK;
}

static bool is_that(int fd, const struct stat *info)
{
    struct stat is;
    return fd >= 0 && fstat(fd, &is) == 0 && is.st_dev == info->st_dev && is.st_ino == info->st_ino;
}

/* Down again from the last directory above that is open, by the names that led there. */
static int find_level_again(const struct walk *walk, size_t index)
{
    size_t from = index;
    while (walk->levels[from].directory->fd < 0 && from > 0)
        from--;
    CLEANUP(fd_closep)
    int fd = open_directory_at(walk->levels[from].directory->fd, ".", DIRECTORY_ANYWHERE);
    for (size_t i = from + 1; fd >= 0 && i <= index; i++) {
        int next = open_directory_at(fd, walk->levels[i].directory->name, DIRECTORY_ANYWHERE);
        (void)close(fd);
        fd = next;
    }
    return is_that(fd, &walk->levels[index].info) ? STEAL_FD(fd) : -1;
}

/* below: the descriptor of a directory in it. */
static void open_level_again(struct walk *walk, size_t index, int below)
{
    struct level *level = &walk->levels[index];
    if (!level->is_closed)
        return;
    level->is_closed = false;
    CLEANUP(fd_closep) int fd = open_directory_at(below, "..", DIRECTORY_ANYWHERE);
    level->directory->fd = is_that(fd, &level->info) ? STEAL_FD(fd) : find_level_again(walk, index);
    level->is_lost = level->directory->fd < 0;
    if (walk->may_close > index)
        walk->may_close = index;
}

static void pop(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->depth];
    if (walk->depth > 0)
        open_level_again(walk, walk->depth - 1, level->directory->fd);
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

static enum status find_mount(int fd, uint64_t *ret_mount, struct error *err)
{
    struct statx info;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &info) != 0)
        return FAIL_ERRNO(err, "find its mount");
    if ((info.stx_mask & STATX_MNT_ID) == 0)
        return FAIL(err, STATUS_UNSUPPORTED, "this kernel (before 5.8) does not tell mounts apart");
    *ret_mount = info.stx_mnt_id;
    return STATUS_OK;
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
    struct level level = {0};
    if (fstat(directory, &level.info) != 0)
        return FAIL_ERRNO(err, "volume '%s'", options->volume);
    level.replays = starts_to_follow(walk, &level.info);
    if (find_mount(directory, &level.mount, err) != STATUS_OK ||
        buffer_add(&walk->path, options->volume, walk->volume_len, err) != STATUS_OK ||
        push(walk, STEAL_FD(directory), &level, err) != STATUS_OK)
        return FAIL_IN(err, "volume '%s'", options->volume);
    if (options->records != NULL)
        walk->levels[0].in_recording = walk_recording_add_entry(options->records, "", &level.info);
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
    mounts_done(&walk->mounts);
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

static const struct mount *mount_of_id(const struct mounts *mounts, uint64_t id)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->list[i].id == id)
            return &mounts->list[i];
    return NULL;
}

/* Does the mount show what would be there without it? In the sandbox of a service such mounts are
 * common, and for anybody else they are none. */
static bool hides_nothing(struct walk *walk, uint64_t id, uint64_t around)
{
    struct error ignored; /* what cannot be looked up is taken for a mount like any other */
    if (mount_of_id(&walk->mounts, id) == NULL) {
        mounts_done(&walk->mounts);
        if (mounts_read(&walk->mounts, &ignored) != STATUS_OK)
            return false;
    }
    const struct mount *inner = mount_of_id(&walk->mounts, id);
    const struct mount *outer = mount_of_id(&walk->mounts, around);
    return inner != NULL && outer != NULL && mount_hides_nothing(inner, outer);
}

/* Behind a border: -1 without a failure is a mount that is not entered. */
static enum status open_mount(struct walk *walk, const struct walk_item *item, int *ret_fd,
                              uint64_t *ret_mount)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat info;
    struct look look;
    uint64_t around = *ret_mount;
    *ret_fd = -1;
    if (look_at(item->parent, item->name, &info, &look) != 0 ||
        !hides_nothing(walk, look.mount, around))
        return STATUS_OK;
    fd = open_directory_at(item->parent, item->name, DIRECTORY_ANYWHERE);
    if (fd < 0)
        return FAIL_ERRNO(&walk->failure, "open");
    if (find_mount(fd, ret_mount, &walk->failure) != STATUS_OK)
        return error_status(&walk->failure);
    if (*ret_mount == look.mount)
        *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

/* Something else may have taken its place since it was looked at: what is opened counts. A nested
 * btrfs subvolume has a device of its own, and is still the same mount. */
static enum status open_directory(struct walk *walk, struct walk_item *item, struct level *level,
                                  int *ret_fd)
{
    CLEANUP(fd_closep)
    int fd = open_directory_at(item->parent, item->name, DIRECTORY_ON_SAME_MOUNT);
    if (fd < 0 && errno == ELOOP)
        errno = ENOTDIR; /* a symbolic link has taken its place: the directory has vanished */
    if (fd < 0 && errno != EXDEV)
        return FAIL_ERRNO(&walk->failure, "open");
    if (fd < 0 && open_mount(walk, item, &fd, &level->mount) != STATUS_OK)
        return error_status(&walk->failure);
    if (fd >= 0 && fstat(fd, &item->info) != 0)
        return FAIL_ERRNO(&walk->failure, "open");
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status enter(struct walk *walk, struct walk_item *item, bool is_recorded,
                         struct error *err)
{
    int fd = -1;
    struct stat seen = item->info;
    struct level level = {.mount = walk->levels[walk->depth - 1].mount};
    enum status status = open_directory(walk, item, &level, &fd);
    bool has_names = fd >= 0;
    level.info = item->info;
    level.replays = is_recorded && has_names && is_unchanged(&seen, &item->info);
    if (is_recorded && !level.replays)
        walk_recording_skip(walk->options->replays);
    if (status == STATUS_OK)
        status = push(walk, fd, &level, &walk->failure);
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

/* A directory is found out about when it is opened. */
static void judge_mount(struct walk *walk, const struct look *look, struct walk_item *item)
{
    if (look->is_mount && !S_ISDIR(item->info.st_mode) &&
        !hides_nothing(walk, look->mount, walk->levels[walk->depth - 1].mount))
        item->kind = WALK_MOUNT;
}

/* What is known of it already need not be looked at. */
static void examine(struct walk *walk, const struct recording_step *step, struct walk_item *item)
{
    struct look look;
    if (walk->levels[walk->depth - 1].is_lost) {
        error_set(&walk->failure, STATUS_CONFLICT,
                  "the directory around it was moved while the walk was below it");
        mark_failed(walk, item);
    } else if (step->kind == RECORDING_ENTRY) {
        item->info = step->info;
    } else if (look_at(item->parent, item->name, &item->info, &look) != 0) {
        error_set_errno(&walk->failure, errno, "look at");
        mark_failed(walk, item);
    } else {
        judge_mount(walk, &look, item);
    }
    item->is_directory = S_ISDIR(item->info.st_mode);
}

/* An entry of the directory on top. *ret_skipped: it is one that nobody shall see. */
static enum status show_entry(struct walk *walk, struct level *level,
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

    examine(walk, step, item);
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
        if (level->is_lost) { /* what else is in it is not known: the directory itself fails */
            level->replays = false;
            *ret_step = (struct recording_step){.kind = RECORDING_LOOK, .name = "."};
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
        if (show_entry(walk, level, &step, ret_item, &skipped, err) != STATUS_OK)
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
