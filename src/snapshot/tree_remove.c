/*
 * Depth first, without recursion. A directory is read once: what is no directory is removed at
 * once, the names of directories wait. The descriptors of the deepest levels stay open; the others
 * are opened again on the way up, by "..", and must be what they were.
 */
#include "snapshot/tree_remove.h"

#include "core/array.h"
#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/directory.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum {
    /* Removing while reading may hide entries from the reader, and others may fill what is emptied:
     * a directory that is not empty though all in it went is read again, but not for ever. */
    ROUNDS_MAX = 16,
    NAMES_BYTES_MAX = 1 << 30,
    NAMED_MAX = 3,
    SHOWN_PATH_SIZE = 100,
    DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

struct level {
    int fd; /* -1: closed for the time being */
    dev_t device;
    ino_t inode;
    size_t name;           /* in the names of the level above */
    struct buffer names;   /* the directories in it, each with its NUL */
    size_t next;           /* the one to enter next */
    size_t removed, stays; /* of the entries below, in this round */
    unsigned rounds;
};

struct removal {
    struct level *levels; /* the first is the top */
    size_t depth, capacity;
    size_t stay_count, named_count;
    struct error first; /* what stays, and why; the text has all that are named */
};

static struct level *lowest(const struct removal *removal)
{
    return &removal->levels[removal->depth - 1];
}

/* --- what stays --- */

static bool put_in_front(char *text, size_t *at, const char *name)
{
    size_t len = strlen(name);
    if (len + 5 > *at) /* room for "…/" */
        return false;
    *at -= len;
    memcpy(text + *at, name, len); /* NOLINT(bugprone-not-null-terminated-result): in front */
    text[--*at] = '/';
    return true;
}

/* The path below the top, cut in front. name: an entry of the lowest level; NULL: that itself. */
static const char *show_path(const struct removal *removal, const char *name,
                             char text[SHOWN_PATH_SIZE])
{
    static const char cut[] = "…";
    size_t at = SHOWN_PATH_SIZE - 1;
    text[at] = '\0';
    bool fits = name == NULL || put_in_front(text, &at, name);
    for (size_t i = removal->depth - 1; fits && i > 0; i--)
        fits = put_in_front(
            text, &at, (const char *)removal->levels[i - 1].names.bytes + removal->levels[i].name);
    if (fits)
        return text[at] == '/' ? text + at + 1 : ".";
    at -= sizeof(cut) - 1;
    memcpy(text + at, cut, sizeof(cut) - 1);
    return text + at;
}

static const char *reason_for(int fd, const char *name, int error_number)
{
    const char *fixed = directory_why_fixed(fd, name, error_number);
    if (fixed != NULL)
        return fixed;
    if (error_number == EXDEV || error_number == EBUSY)
        return "something is mounted there";
    return strerror(error_number); /* NOLINT(concurrency-mt-unsafe): glibc's is safe for these */
}

/* name: as show_path() takes it. */
static void note(struct removal *removal, const char *name, enum status status, const char *reason)
{
    char path[SHOWN_PATH_SIZE];
    lowest(removal)->stays++;
    removal->stay_count++;
    if (removal->named_count == NAMED_MAX)
        return;
    const char *shown = show_path(removal, name, path);
    if (removal->named_count++ == 0) {
        /* That what is to be removed is not there would be success. */
        error_set(&removal->first, status == STATUS_NOT_FOUND ? STATUS_CONFLICT : status,
                  "'%s' (%s)", shown, reason);
        return;
    }
    struct error so_far = removal->first;
    error_set(&removal->first, so_far.status, "%.300s, '%s' (%s)", so_far.text, shown, reason);
}

/* An entry of the lowest level stays, for the reason in errno. */
static void note_entry(struct removal *removal, const char *name)
{
    int error_number = errno;
    note(removal, name, status_from_errno(error_number),
         reason_for(lowest(removal)->fd, name, error_number));
}

/* The lowest level itself cannot be read. */
static void note_level(struct removal *removal)
{
    int error_number = errno;
    note(removal, NULL, status_from_errno(error_number),
         strerror(error_number)); /* NOLINT(concurrency-mt-unsafe) */
}

/* --- levels --- */

/* What stays in a directory stays in all above it. */
static void pop(struct removal *removal)
{
    struct level *level = lowest(removal);
    size_t stays = level->stays;
    fd_closep(&level->fd);
    buffer_done(&level->names);
    removal->depth--;
    if (removal->depth > 0)
        lowest(removal)->stays += stays;
}

/* Takes the descriptor, also on failure. */
static enum status push(struct removal *removal, int fd, const struct stat *info, size_t name,
                        struct error *err)
{
    CLEANUP(fd_closep) int owned_fd = fd;
    if (array_reserve(&removal->levels, &removal->capacity, removal->depth + 1,
                      sizeof(*removal->levels), err) != STATUS_OK)
        return FAIL_IN(err, "directories to remove");
    struct level *level = &removal->levels[removal->depth++];
    *level = (struct level){
        .fd = STEAL_FD(owned_fd), .device = info->st_dev, .inode = info->st_ino, .name = name};
    buffer_init(&level->names, NAMES_BYTES_MAX);
    if (removal->depth > TREE_REMOVE_OPEN_MAX) {
        /* Never the top, from which the others can be found again. */
        struct level *far = &removal->levels[removal->depth - TREE_REMOVE_OPEN_MAX];
        fd_closep(&far->fd);
        far->fd = -1;
    }
    return STATUS_OK;
}

static int open_directory(int fd, const char *name)
{
    int directory = directory_open_at(fd, name, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    if (directory >= 0 || errno != EACCES)
        return directory;
    CLEANUP(fd_closep)
    int path_fd = directory_open_at(fd, name, O_PATH | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    if (path_fd >= 0 && directory_open_up(path_fd))
        return directory_open_at(fd, name, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    errno = EACCES;
    return -1;
}

/* unlinkat(2), and once more if the directory had to be opened for it. */
static bool unlink_in(int fd, const char *name, int flags)
{
    if (unlinkat(fd, name, flags) == 0 || errno == ENOENT)
        return true;
    if (errno != EACCES)
        return false;
    if (directory_open_up(fd))
        return unlinkat(fd, name, flags) == 0 || errno == ENOENT;
    errno = EACCES;
    return false;
}

/* What chattr(1) forbids is refused before the kernel looks at what it is; a directory may be
 * emptied all the same. */
static bool is_directory(int fd, const char *name, int error_number)
{
    struct stat info;
    if (error_number != EPERM && error_number != EACCES)
        return error_number == EISDIR;
    return fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
           S_ISDIR(info.st_mode);
}

static enum status remove_entry(struct removal *removal, const char *name, struct error *err)
{
    struct level *level = lowest(removal);
    if (unlink_in(level->fd, name, 0)) {
        level->removed++;
        return STATUS_OK;
    }
    int error_number = errno;
    if (is_directory(level->fd, name, error_number))
        return buffer_add(&level->names, name, strlen(name) + 1, err);
    errno = error_number;
    note_entry(removal, name);
    return STATUS_OK;
}

/* The lowest level, from its beginning. */
static enum status read_level(struct removal *removal, struct error *err)
{
    struct level *level = lowest(removal);
    int copy = openat(level->fd, ".", DIRECTORY_FLAGS);
    CLEANUP(dir_closep) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (entries == NULL) {
        note_level(removal);
        fd_closep(&copy);
        return STATUS_OK;
    }
    buffer_clear(&level->names);
    level->next = level->removed = level->stays = 0;
    const char *name = NULL;
    do {
        struct error unreadable;
        if (directory_next(entries, &name, &unreadable) != STATUS_OK) {
            note_level(removal);
            break;
        }
        if (name != NULL && remove_entry(removal, name, err) != STATUS_OK)
            return FAIL_IN(err, "a directory's names");
    } while (name != NULL);
    return STATUS_OK;
}

static enum status enter(struct removal *removal, struct error *err)
{
    struct level *level = lowest(removal);
    size_t offset = level->next;
    const char *name = (const char *)level->names.bytes + offset;
    level->next += strlen(name) + 1;
    CLEANUP(fd_closep) int fd = open_directory(level->fd, name);
    struct stat info;
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    if (fd < 0 || fstat(fd, &info) != 0) {
        note_entry(removal, name);
        return STATUS_OK;
    }
    if (push(removal, STEAL_FD(fd), &info, offset, err) != STATUS_OK)
        return error_status(err);
    return read_level(removal, err);
}

/* --- the way back --- */

static bool is_level(int fd, const struct level *level)
{
    struct stat info;
    return fd >= 0 && fstat(fd, &info) == 0 && info.st_dev == level->device &&
           info.st_ino == level->inode;
}

/* From the top down to the level above the lowest, which was moved; -1: it is not there. */
static int walk_down(const struct removal *removal)
{
    CLEANUP(fd_closep) int fd = fcntl(removal->levels[0].fd, F_DUPFD_CLOEXEC, 0);
    for (size_t i = 1; fd >= 0 && i + 1 < removal->depth; i++) {
        const char *name =
            (const char *)removal->levels[i - 1].names.bytes + removal->levels[i].name;
        int below = open_directory(fd, name);
        fd_closep(&fd);
        fd = below;
        if (!is_level(fd, &removal->levels[i]))
            return -1;
    }
    return STEAL_FD(fd);
}

/* Opens the level above the lowest again. */
static bool reopen_above(struct removal *removal)
{
    struct level *above = &removal->levels[removal->depth - 2];
    if (above->fd >= 0)
        return true;
    CLEANUP(fd_closep) int fd = openat(lowest(removal)->fd, "..", DIRECTORY_FLAGS);
    if (!is_level(fd, above)) {
        fd_closep(&fd);
        fd = walk_down(removal);
    }
    above->fd = STEAL_FD(fd);
    return above->fd >= 0;
}

/* Levels that are no longer where they were stay, with what is still in them. */
static void give_up_lost(struct removal *removal)
{
    do {
        pop(removal);
        note(removal, NULL, STATUS_CONFLICT, "it was moved meanwhile");
    } while (lowest(removal)->fd < 0 && !reopen_above(removal));
    if (lowest(removal)->fd < 0)
        pop(removal);
}

/* Nobody else looks whether the top is empty. */
static enum status leave_top(struct removal *removal, struct error *err)
{
    struct level *top = lowest(removal);
    if (top->removed > 0 && top->stays == 0 && top->rounds++ < ROUNDS_MAX)
        return read_level(removal, err);
    pop(removal);
    return STATUS_OK;
}

static enum status leave(struct removal *removal, struct error *err)
{
    struct level *level = lowest(removal);
    if (removal->depth == 1)
        return leave_top(removal, err);
    if (!reopen_above(removal)) {
        give_up_lost(removal);
        return STATUS_OK;
    }
    struct level *above = &removal->levels[removal->depth - 2];
    const char *name = (const char *)above->names.bytes + level->name;
    bool told = level->stays > 0;
    bool gone = !told && unlink_in(above->fd, name, AT_REMOVEDIR);
    if (!gone && !told && errno == ENOTEMPTY && level->rounds++ < ROUNDS_MAX)
        return read_level(removal, err);
    int error_number = errno;
    pop(removal);
    errno = error_number;
    if (gone)
        above->removed++;
    else if (!told)
        note_entry(removal, name);
    return STATUS_OK;
}

static enum status remove_all(struct removal *removal, struct error *err)
{
    enum status status = read_level(removal, err);
    while (status == STATUS_OK && removal->depth > 0) {
        const struct level *level = lowest(removal);
        status = level->next < level->names.len ? enter(removal, err) : leave(removal, err);
    }
    return status;
}

static enum status tell_what_stays(const struct removal *removal, struct error *err)
{
    if (removal->stay_count == 0)
        return STATUS_OK;
    *err = removal->first;
    if (removal->stay_count == 1)
        return FAIL_IN(err, "1 entry stays");
    if (removal->stay_count <= removal->named_count)
        return FAIL_IN(err, "%zu entries stay", removal->stay_count);
    return FAIL_IN(err, "%zu entries stay, the first are", removal->stay_count);
}

enum status tree_remove_contents(int top_fd, struct error *err)
{
    struct removal removal = {.levels = NULL};
    struct stat info;
    CLEANUP(fd_closep) int fd = fcntl(top_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "the directory to empty");
    enum status status = push(&removal, STEAL_FD(fd), &info, 0, err);
    if (status == STATUS_OK)
        status = remove_all(&removal, err);
    while (removal.depth > 0)
        pop(&removal);
    free(removal.levels);
    return status == STATUS_OK ? tell_what_stays(&removal, err) : status;
}

enum status tree_remove(int parent_fd, const char *name, struct error *err)
{
    CLEANUP(fd_closep) int fd = open_directory(parent_fd, name);
    if (fd < 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "open '%s'", name);
    if (tree_remove_contents(fd, err) != STATUS_OK)
        return FAIL_IN(err, "remove '%s'", name);
    if (!unlink_in(parent_fd, name, AT_REMOVEDIR))
        return FAIL_ERRNO(err, "remove '%s'", name);
    return STATUS_OK;
}
