/*
 * Objects as files below a directory, laid out and protected as restic's local backend has them:
 * directories 0700, files 0400.
 *
 * A put writes a temporary in the final directory, syncs it, renames it and syncs the directory.
 * The temporary's name holds a '~', which no object name can: whatever is not an object name is
 * not listed. A writer that was killed leaves its temporary behind. Each writer holds a flock on
 * its own, and the kernel drops it with the process, on whatever host: so a temporary that nobody
 * locks and that nobody wrote to for an hour is a dead writer's, and the first put of a handle
 * removes all of those below its prefix. Without a prefix it does not: that would be to go through
 * everybody's objects.
 *
 * Paths below the root are resolved without following any symbolic link, so that nobody who can
 * write somewhere below can lead us elsewhere.
 *
 * The root stays open, and with it the file system that was there. That something is not there
 * counts only as long as the path still leads to that root: a file system that is unmounted, dead
 * or replaced by another one is a bucket that is away for now, as a server is that does not answer.
 */
#include "bucket/object_store.h"
#include "core/directory.h"
#include "object_store_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

enum {
    DIRECTORY_MODE = 0700,
    WRITING_MODE = 0600,
    OBJECT_MODE = 0400,
    TEMPORARY_AGE_S = 3600,
    DIRECT_ALIGNMENT = 4096,
    DIRECT_MIN_BYTES = 1024 * 1024,
    DEPTH_MAX = 16, /* of a listing; objects have two levels */
    PARTS_PER_WRITE = 64,
    READ_BYTES = 4096
};

struct directory_store {
    int root;
    char *path;      /* of the root */
    bool has_number; /* the root has the same whenever it is looked at, as it should */
    atomic_bool swept;
    char prefix[OBJECT_NAME_MAX + 2]; /* "" or "segments/" */
};

/* What a file system says that is away, or not as it should be, and may be the next time. */
static const struct {
    int error_number;
    enum status status;
    enum reason reason;
} troubles[] = {
    {EIO, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ESTALE, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},   /* NFS */
    {ENOTCONN, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE}, /* FUSE without its program */
    {ECONNABORTED, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ECONNREFUSED, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ECONNRESET, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {EHOSTDOWN, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE}, /* SMB */
    {EHOSTUNREACH, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ENETUNREACH, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ENODEV, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ENXIO, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ENOMEDIUM, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {EREMOTEIO, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},
    {ESHUTDOWN, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE}, /* XFS and ext4 after a failure */
    {EUCLEAN, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE},   /* a file system that is damaged */
    {ETIMEDOUT, STATUS_TIMEOUT, REASON_BUCKET_UNREACHABLE},
    {EROFS, STATUS_UNAVAILABLE, REASON_BUCKET_READ_ONLY},
    {ENOSPC, STATUS_NO_SPACE, REASON_BUCKET_FULL},
    {EDQUOT, STATUS_NO_SPACE, REASON_BUCKET_FULL},
};

/* After error_set_errno(), which leaves errno as it is. */
static enum status judge_errno(int error_number, struct error *err)
{
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        if (troubles[i].error_number == error_number) {
            err->status = troubles[i].status;
            error_set_code(err, troubles[i].reason);
        }
    }
    return error_status(err);
}

#define FAIL_ON_DISK(err, ...) \
    (error_set_errno((err), errno, __VA_ARGS__), judge_errno(errno, (err)))

/* Some file systems in user space number what they have anew with each look. */
static bool has_number(const struct directory_store *store)
{
    struct stat ours;
    struct stat found;
    return fstat(store->root, &ours) == 0 && stat(store->path, &found) == 0 &&
           found.st_dev == ours.st_dev && found.st_ino == ours.st_ino;
}

/* Before it is said that something is not there: is the place where it would be? */
static enum status check_root(const struct directory_store *store, struct error *err)
{
    struct stat ours;
    struct stat found;
    if (fstat(store->root, &ours) != 0)
        return FAIL_ON_DISK(err, "look at the directory");
    if (stat(store->path, &found) == 0 &&
        (!store->has_number || (found.st_dev == ours.st_dev && found.st_ino == ours.st_ino)))
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                       "'%.200s' is not there any more, or is another directory by now: mount its "
                       "file system",
                       store->path);
}

/* The path of an object, a directory or the whole ("") below the root. */
struct path {
    char text[2 * OBJECT_NAME_MAX + 8];
};

static struct path path_of(const struct directory_store *store, const char *name)
{
    struct path path;
    (void)snprintf(path.text, sizeof(path.text), "%s%s", store->prefix, name);
    size_t len = strlen(path.text);
    if (len > 0 && path.text[len - 1] == '/')
        path.text[len - 1] = '\0';
    if (path.text[0] == '\0')
        (void)snprintf(path.text, sizeof(path.text), ".");
    return path;
}

/* Cuts the last segment off: path becomes the directory, the result is the base name. */
static const char *split(struct path *path)
{
    char *slash = strrchr(path->text, '/');
    if (slash == NULL) {
        memmove(path->text + 2, path->text, strlen(path->text) + 1);
        memcpy(path->text, ".", 2);
        return path->text + 2;
    }
    *slash = '\0';
    return slash + 1;
}

/* Some file systems cannot sync a directory, or anything; restic ignores that as well. */
static enum status sync_fd(int fd, struct error *err)
{
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        return FAIL_ON_DISK(err, "fsync");
    return STATUS_OK;
}

/* One level down; makes it, durably, if it is not there. Returns a descriptor or -1. */
static int enter_directory(int parent, const char *segment, struct error *err)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (mkdirat(parent, segment, DIRECTORY_MODE) == 0) {
        if (sync_fd(parent, err) != STATUS_OK)
            return -1;
    } else if (errno != EEXIST) {
        (void)FAIL_ON_DISK(err, "make directory '%s'", segment);
        return -1;
    }
    int fd = openat(parent, segment, flags);
    if (fd < 0)
        (void)FAIL_ON_DISK(err, "open directory '%s'", segment);
    return fd;
}

static enum status make_directories(int root, const char *path, int *ret_fd, struct error *err)
{
    struct path rest;
    (void)snprintf(rest.text, sizeof(rest.text), "%s", path);
    CLEANUP(fd_closep) int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return FAIL_ON_DISK(err, "open the directory");
    char *next = rest.text;
    for (char *segment = strsep(&next, "/"); segment != NULL; segment = strsep(&next, "/")) {
        int inner = enter_directory(fd, segment, err);
        if (inner < 0)
            return error_status(err);
        (void)close(fd);
        fd = inner;
    }
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status open_directory_for_put(int root, const char *path, int *ret_fd,
                                          struct error *err)
{
    int fd = directory_open_at(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, DIRECTORY_BELOW);
    if (fd < 0 && errno == ENOENT)
        return make_directories(root, path, ret_fd, err);
    if (fd < 0)
        return FAIL_ON_DISK(err, "open directory '%s'", path);
    *ret_fd = fd;
    return STATUS_OK;
}

/* Drops what was written from the front of the vector; returns how many entries are done. */
static int advance(struct iovec *vector, int count, size_t written)
{
    int done = 0;
    while (done < count && written >= vector[done].iov_len)
        written -= vector[done++].iov_len;
    if (done < count) {
        vector[done].iov_base = (char *)vector[done].iov_base + written;
        vector[done].iov_len -= written;
    }
    return done;
}

static enum status write_vector(int fd, struct iovec *vector, int count, struct error *err)
{
    int done = advance(vector, count, 0); /* empty parts write nothing, which looks like no end */
    while (done < count) {
        ssize_t written = writev(fd, vector + done, count - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return FAIL_ON_DISK(err, "write");
        done += advance(vector + done, count - done, (size_t)written);
    }
    return STATUS_OK;
}

static enum status write_parts(int fd, const struct object_part *parts, size_t count,
                               struct error *err)
{
    struct iovec vector[PARTS_PER_WRITE];
    for (size_t i = 0; i < count; i += PARTS_PER_WRITE) {
        int n = 0;
        for (; n < PARTS_PER_WRITE && i + (size_t)n < count; n++) {
            const struct object_part *part = &parts[i + (size_t)n];
            /* NOLINTNEXTLINE(performance-no-int-to-ptr): writev(2) only reads */
            vector[n].iov_base = (void *)(uintptr_t)part->bytes;
            vector[n].iov_len = part->len;
        }
        if (write_vector(fd, vector, n, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static bool may_go_direct(const struct object_part *part)
{
    return part->len >= DIRECT_MIN_BYTES && (uintptr_t)part->bytes % DIRECT_ALIGNMENT == 0;
}

/* The whole blocks of a large part go around the page cache, where they would take the place of the
 * application's own pages, and cost a copy. The file stands behind what was written; the rest, and
 * all on a file system that cannot do it, is written as usual. */
static enum status write_direct(int fd, const struct object_part *part, size_t *ret_written,
                                struct error *err)
{
    size_t len = part->len - part->len % DIRECT_ALIGNMENT;
    size_t done = 0;
    if (fcntl(fd, F_SETFL, O_DIRECT) != 0)
        return STATUS_OK;
    while (done < len) {
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): writev(2) only reads */
        struct iovec left = {.iov_base = (void *)((uintptr_t)part->bytes + done),
                             .iov_len = len - done};
        ssize_t written = writev(fd, &left, 1);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno != EINVAL)
            return FAIL_ON_DISK(err, "write");
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    if (fcntl(fd, F_SETFL, 0) != 0)
        return FAIL_ON_DISK(err, "write");
    *ret_written = done;
    return STATUS_OK;
}

static enum status write_content(int fd, const struct object_part *parts, size_t count,
                                 struct error *err)
{
    size_t written = 0;
    if (count == 0 || !may_go_direct(&parts[0]))
        return write_parts(fd, parts, count, err);
    if (write_direct(fd, &parts[0], &written, err) != STATUS_OK)
        return error_status(err);
    const struct object_part rest = {.bytes = (const char *)parts[0].bytes + written,
                                     .len = parts[0].len - written};
    if (write_parts(fd, &rest, 1, err) != STATUS_OK)
        return error_status(err);
    return write_parts(fd, parts + 1, count - 1, err);
}

static enum status fill_temporary(int fd, const struct object_part *parts, size_t count,
                                  struct error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        /* No locks on this file system: the hour's age alone protects the temporary. */
    }
    if (write_content(fd, parts, count, err) != STATUS_OK || sync_fd(fd, err) != STATUS_OK)
        return error_status(err);
    if (fchmod(fd, OBJECT_MODE) != 0 && errno != EPERM && errno != ENOTSUP)
        return FAIL_ON_DISK(err, "chmod");
    return STATUS_OK;
}

/* Gives the temporary its name. What cannot rename without replacing (NFS) can link. */
static int publish(int directory, const char *temporary, const char *base, enum put_mode mode)
{
    if (mode == PUT_REPLACE)
        return renameat(directory, temporary, directory, base);
    if (renameat2(directory, temporary, directory, base, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(directory, temporary, directory, base, 0) != 0)
        return -1;
    return unlinkat(directory, temporary, 0);
}

static enum status name_temporary(const char *base, char temporary[NAME_MAX + 1], struct error *err)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return FAIL_ERRNO(err, "getrandom");
    if (snprintf(temporary, NAME_MAX + 1, "%s~%016llx", base, (unsigned long long)random) >
        NAME_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "the name is too long for a file");
    return STATUS_OK;
}

static enum status put_file(int directory, const char *base, const struct object_part *parts,
                            size_t count, enum put_mode mode, struct error *err)
{
    char temporary[NAME_MAX + 1];
    if (name_temporary(base, temporary, err) != STATUS_OK)
        return error_status(err);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = openat(directory, temporary, flags, WRITING_MODE);
    if (fd < 0)
        return FAIL_ON_DISK(err, "create '%s'", temporary);
    if (fill_temporary(fd, parts, count, err) != STATUS_OK)
        goto fail;
    if (publish(directory, temporary, base, mode) != 0) {
        (void)FAIL_ON_DISK(err, "rename '%s'", temporary);
        goto fail;
    }
    return sync_fd(directory, err);

fail:
    (void)unlinkat(directory, temporary, 0); /* best effort: the reason is already in err */
    return error_status(err);
}

/* A walk over files below a directory, deepest first in no order; an explicit stack of what is
 * open, so that depth is bounded. below: the names of the directories above the file, each with its
 * '/'. */
typedef enum status file_fn(void *context, const char *below, int directory, const char *name,
                            struct error *err);

struct walk {
    DIR *open[DEPTH_MAX];
    size_t lens[DEPTH_MAX]; /* of below, in each of them */
    char below[OBJECT_NAME_MAX + 1];
    int depth;
    file_fn *file;
    void *context;
};

static void walk_done(struct walk *walk)
{
    while (walk->depth > 0)
        (void)closedir(walk->open[--walk->depth]);
}

static enum status walk_push(struct walk *walk, int fd, struct error *err)
{
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        (void)FAIL_ON_DISK(err, "read a directory");
        (void)close(fd);
        return error_status(err);
    }
    walk->lens[walk->depth] = strlen(walk->below);
    walk->open[walk->depth++] = directory;
    return STATUS_OK;
}

static enum status walk_into(struct walk *walk, int parent, const char *name, struct error *err)
{
    size_t used = strlen(walk->below);
    size_t len = strlen(name);
    if (walk->depth == DEPTH_MAX || !object_name_is_shown(name) || used + len + 1 > OBJECT_NAME_MAX)
        return STATUS_OK; /* lost+found, .snapshot: nothing there has an object's name */
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    if (fd < 0)
        return FAIL_ON_DISK(err, "open directory '%s'", name);
    memcpy(walk->below + used, name, len);
    memcpy(walk->below + used + len, "/", 2);
    return walk_push(walk, fd, err);
}

static enum status walk_entry(struct walk *walk, int directory, const struct dirent *entry,
                              struct error *err)
{
    unsigned char type = entry->d_type;
    struct stat info;
    if (type == DT_UNKNOWN &&
        fstatat(directory, entry->d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0)
        type = (unsigned char)IFTODT(info.st_mode);
    if (type == DT_DIR)
        return walk_into(walk, directory, entry->d_name, err);
    if (type == DT_REG)
        return walk->file(walk->context, walk->below, directory, entry->d_name, err);
    return STATUS_OK;
}

static enum status walk_run(struct walk *walk, struct error *err)
{
    while (walk->depth > 0) {
        DIR *directory = walk->open[walk->depth - 1];
        walk->below[walk->lens[walk->depth - 1]] = '\0';
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL && errno != 0)
            return FAIL_ON_DISK(err, "read a directory");
        if (entry == NULL) {
            (void)closedir(directory);
            walk->depth--;
            continue;
        }
        if (walk_entry(walk, dirfd(directory), entry, err) != STATUS_OK)
            return error_status(err);
    }
    return STATUS_OK;
}

static enum status walk_below(const struct directory_store *store, const char *prefix,
                              file_fn *file, void *context, struct error *err)
{
    CLEANUP(walk_done) struct walk walk = {.file = file, .context = context};
    struct path path = path_of(store, prefix);
    int fd = directory_open_at(store->root, path.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                               DIRECTORY_BELOW);
    if (fd < 0 && errno == ENOENT)
        return check_root(store, err);
    if (fd < 0)
        return FAIL_ON_DISK(err, "open directory '%s'", path.text);
    if (walk_push(&walk, fd, err) != STATUS_OK)
        return error_status(err);
    return walk_run(&walk, err);
}

/* "<object name>~<16 hex digits>" */
static bool is_temporary(const char *name)
{
    const char *mark = strchr(name, '~');
    return mark != NULL && object_segment_is_valid(name, (size_t)(mark - name)) &&
           strlen(mark + 1) == 16 && strspn(mark + 1, "0123456789abcdef") == 16;
}

static enum status sweep_file(void *context, UNUSED const char *below, int directory,
                              const char *name, UNUSED struct error *err)
{
    const struct timespec *now = context;
    struct stat info;
    if (!is_temporary(name) || fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        now->tv_sec - info.st_mtim.tv_sec < TEMPORARY_AGE_S)
        return STATUS_OK;
    CLEANUP(fd_closep)
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK))
        (void)unlinkat(directory, name, 0);
    return STATUS_OK;
}

static void sweep_once(struct directory_store *store)
{
    if (store->prefix[0] == '\0' || atomic_exchange(&store->swept, true))
        return;
    struct error ignored = {0};
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (walk_below(store, "", sweep_file, &now, &ignored) != STATUS_OK) {
        /* A put that meets the same trouble will say so; without trouble nothing is lost. */
    }
}

/* Of a failure that says so. */
static enum status not_there(const struct directory_store *store, struct error *err)
{
    struct error cause = *err;
    if (check_root(store, err) != STATUS_OK)
        return error_status(err);
    *err = cause;
    return error_status(err);
}

static enum status directory_put(void *self, const char *name, const struct object_part *parts,
                                 size_t part_count, enum put_mode mode, struct error *err)
{
    struct directory_store *store = self;
    struct path path = path_of(store, name);
    const char *base = split(&path);
    sweep_once(store);
    CLEANUP(fd_closep) int directory = -1;
    enum status status = open_directory_for_put(store->root, path.text, &directory, err);
    if (status == STATUS_OK)
        status = put_file(directory, base, parts, part_count, mode, err);
    return status == STATUS_NOT_FOUND ? not_there(store, err) : status;
}

/* O_NONBLOCK: a fifo in the place of an object must not hold us. */
static enum status open_object(const struct directory_store *store, const char *name, int *ret_fd,
                               uint64_t *ret_size, struct error *err)
{
    struct path path = path_of(store, name);
    CLEANUP(fd_closep)
    int fd = directory_open_at(store->root, path.text, O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
                               DIRECTORY_BELOW);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        (void)FAIL_ON_DISK(err, "open");
        return not_there(store, err);
    }
    if (fd < 0)
        return FAIL_ON_DISK(err, "open");
    struct stat info;
    if (fstat(fd, &info) != 0)
        return FAIL_ON_DISK(err, "fstat");
    if (!S_ISREG(info.st_mode))
        return FAIL(err, STATUS_NOT_FOUND, "not a regular file");
    *ret_size = (uint64_t)info.st_size;
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status read_exactly(int fd, uint64_t offset, size_t len, unsigned char *bytes,
                                struct error *err)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = pread(fd, bytes + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL_ON_DISK(err, "read");
        if (got == 0)
            return FAIL(err, STATUS_CORRUPT, "ends at byte %llu, %zu bytes are missing",
                        (unsigned long long)(offset + done), len - done);
        done += (size_t)got;
    }
    return STATUS_OK;
}

/* A file system may not know the size of a file before it is read: some in user space say 0. */
static enum status read_to_end(int fd, struct buffer *buffer, struct error *err)
{
    unsigned char bytes[READ_BYTES];
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL_ON_DISK(err, "read");
        if (got == 0)
            return STATUS_OK;
        if (buffer_add(buffer, bytes, (size_t)got, err) != STATUS_OK)
            return error_status(err);
    }
}

static enum status directory_get(void *self, const char *name, struct buffer *buffer,
                                 struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    uint64_t size = 0;
    if (open_object(self, name, &fd, &size, err) != STATUS_OK)
        return error_status(err);
    if (size > buffer->max || buffer_reserve(buffer, (size_t)size, err) != STATUS_OK)
        return FAIL(err, STATUS_TOO_LARGE, "%llu bytes, at most %zu are expected",
                    (unsigned long long)size, buffer->max - buffer->len);
    if (read_exactly(fd, 0, (size_t)size, buffer->bytes + buffer->len, err) != STATUS_OK)
        return error_status(err);
    buffer->len += (size_t)size;
    if (size == 0 && read_to_end(fd, buffer, err) != STATUS_OK)
        return error_status(err);
    buffer->bytes[buffer->len] = '\0';
    return STATUS_OK;
}

static enum status directory_get_range(void *self, const char *name, uint64_t offset, size_t len,
                                       void *bytes, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    uint64_t size = 0;
    if (open_object(self, name, &fd, &size, err) != STATUS_OK)
        return error_status(err);
    if (size > 0 && (offset > size || len > size - offset))
        return FAIL(err, STATUS_CORRUPT, "%llu bytes long, but %zu bytes at %llu are expected",
                    (unsigned long long)size, len, (unsigned long long)offset);
    return read_exactly(fd, offset, len, bytes, err);
}

static enum status directory_size(void *self, const char *name, uint64_t *ret_size,
                                  struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    return open_object(self, name, &fd, ret_size, err);
}

static enum status directory_remove(void *self, const char *name, struct error *err)
{
    const struct directory_store *store = self;
    struct path path = path_of(store, name);
    const char *base = split(&path);
    CLEANUP(fd_closep)
    int directory = directory_open_at(store->root, path.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                                      DIRECTORY_BELOW);
    if (directory < 0 && errno == ENOENT)
        return check_root(store, err);
    if (directory < 0)
        return FAIL_ON_DISK(err, "open directory '%s'", path.text);
    if (unlinkat(directory, base, 0) != 0) {
        if (errno == ENOENT)
            return check_root(store, err);
        return FAIL_ON_DISK(err, "unlink");
    }
    return sync_fd(directory, err);
}

/* A file system has no proxies before it. */
static enum status directory_look_again(UNUSED void *self, UNUSED struct error *err)
{
    return STATUS_OK;
}

static enum status directory_check_place(void *self, struct error *err)
{
    return check_root(self, err);
}

struct listing {
    object_seen_fn *seen;
    void *context;
};

static enum status list_file(void *context, const char *below, int directory, const char *name,
                             struct error *err)
{
    const struct listing *listing = context;
    struct stat info;
    char path[OBJECT_NAME_MAX + 1];
    int len = snprintf(path, sizeof(path), "%s%s", below, name);
    if (len < 0 || (size_t)len >= sizeof(path) || !object_name_is_shown(path))
        return STATUS_OK;
    if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return STATUS_OK;
        return FAIL_ON_DISK(err, "look at '%s'", name);
    }
    return listing->seen(listing->context, path, (uint64_t)info.st_size, err);
}

static enum status directory_list(void *self, const char *prefix, object_seen_fn *seen,
                                  void *context, struct error *err)
{
    struct listing listing = {.seen = seen, .context = context};
    if (walk_below(self, prefix, list_file, &listing, err) != STATUS_OK)
        return error_status(err);
    return check_root(self, err);
}

static void directory_close(void *self)
{
    struct directory_store *store = self;
    fd_closep(&store->root);
    free(store->path);
    free(store);
}

static const struct object_store_driver directory_driver = {
    .put = directory_put,
    .get = directory_get,
    .get_range = directory_get_range,
    .size = directory_size,
    .remove = directory_remove,
    .look_again = directory_look_again,
    .check_place = directory_check_place,
    .list = directory_list,
    .close = directory_close,
};

enum status object_store_open_directory(const char *name, const char *path, const char *prefix,
                                        struct object_store **ret_store, struct error *err)
{
    if (prefix[0] != '\0' && !object_name_is_valid(prefix))
        return FAIL(err, STATUS_INVALID, "bucket '%s': '%s' is not a prefix", name, prefix);
    CLEANUP(fd_closep) int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return FAIL_ON_DISK(err, "bucket '%s': directory '%s'", name, path);
    struct directory_store *store = calloc(1, sizeof(*store));
    char *copy = strdup(path);
    if (store == NULL || copy == NULL) {
        free(store);
        free(copy);
        return FAIL(err, STATUS_NO_MEMORY, "bucket '%s'", name);
    }
    store->path = copy;
    store->root = STEAL_FD(root);
    store->has_number = has_number(store);
    if (prefix[0] != '\0')
        (void)snprintf(store->prefix, sizeof(store->prefix), "%.*s/", OBJECT_NAME_MAX, prefix);
    return object_store_new(name, &directory_driver, store, ret_store, err);
}
