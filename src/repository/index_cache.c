#include "index_cache.h"

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/hex.h"
#include "crypto.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TEMPORARY_RANDOM_BYTES = 8,
    TEMPORARY_SIZE = 1 + BLOB_ID_TEXT_SIZE + 2 * TEMPORARY_RANDOM_BYTES + 1,
    TEMPORARY_AGE_S = 60 * 60, /* older than that, whoever wrote it is dead */
    UNUSED_AGE_S = 30 * 24 * 60 * 60
};

#define COPIES "index"

/* By descriptors, and never through a symbolic link: it is root who works here. */
static int open_below(int parent, const char *name)
{
    if (mkdirat(parent, name, S_IRWXU) != 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_top(const char *directory)
{
    struct error ignored;
    if (file_make_directories(directory, S_IRWXU, &ignored) != STATUS_OK)
        return -1;
    return open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_older(const struct stat *info, int64_t seconds)
{
    return clock_wall_ms() / 1000 - info->st_mtime > seconds;
}

/* Calls for each name in the directory but "." and "..". */
typedef void name_fn(void *context, int directory, const char *name);

static void each_name(int directory, name_fn *seen, void *context)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (stream == NULL) {
        fd_closep(&copy);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            seen(context, dirfd(stream), entry->d_name);
    (void)closedir(stream);
}

static void remove_copy(UNUSED void *context, int directory, const char *name)
{
    (void)unlinkat(directory, name, 0);
}

/* A repository's directory is touched whenever it is opened. */
static void remove_unused(UNUSED void *context, int top, const char *name)
{
    struct stat info;
    struct blob_id ignored;
    if (!blob_id_from_text(name, &ignored) || fstatat(top, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(info.st_mode) || !is_older(&info, UNUSED_AGE_S))
        return;
    CLEANUP(fd_closep) int repository = open_below(top, name);
    CLEANUP(fd_closep) int copies = repository < 0 ? -1 : open_below(repository, COPIES);
    if (copies < 0)
        return;
    each_name(copies, remove_copy, NULL);
    if (unlinkat(repository, COPIES, AT_REMOVEDIR) == 0)
        (void)unlinkat(top, name, AT_REMOVEDIR);
}

void index_cache_open(struct index_cache *cache, const char *directory, const char *repository_id)
{
    cache->directory = -1;
    CLEANUP(fd_closep) int top = open_top(directory);
    CLEANUP(fd_closep) int repository = top < 0 ? -1 : open_below(top, repository_id);
    if (repository < 0)
        return;
    (void)futimens(repository, NULL);
    cache->directory = open_below(repository, COPIES);
    each_name(top, remove_unused, NULL);
}

void index_cache_close(struct index_cache *cache)
{
    fd_closep(&cache->directory);
    cache->directory = -1;
}

static bool read_whole(int fd, struct buffer *stored)
{
    struct stat info;
    struct error ignored;
    size_t len = 0;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    buffer_clear(stored);
    if (buffer_reserve(stored, (size_t)info.st_size, &ignored) != STATUS_OK ||
        file_read_all(fd, stored->bytes, (size_t)info.st_size, &len, &ignored) != STATUS_OK)
        return false;
    stored->len = len;
    return true;
}

bool index_cache_get(const struct index_cache *cache, const char *id, struct buffer *stored)
{
    if (cache->directory < 0)
        return false;
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = openat(cache->directory, id, flags);
    return fd >= 0 && read_whole(fd, stored);
}

static bool write_parts(int fd, const struct object_part *parts, size_t count)
{
    struct error ignored;
    for (size_t i = 0; i < count; i++)
        if (file_write_all(fd, parts[i].bytes, parts[i].len, &ignored) != STATUS_OK)
            return false;
    return true;
}

/* Not synced: what a power cut leaves of it does not have the hash. */
void index_cache_put(const struct index_cache *cache, const char *id,
                     const struct object_part *parts, size_t count)
{
    unsigned char random[TEMPORARY_RANDOM_BYTES];
    char digits[2 * TEMPORARY_RANDOM_BYTES + 1];
    char temporary[TEMPORARY_SIZE + 1];
    struct error ignored;
    if (cache->directory < 0 || crypto_random(random, sizeof(random), &ignored) != STATUS_OK)
        return;
    hex_encode(random, sizeof(random), digits);
    (void)snprintf(temporary, sizeof(temporary), ".%s.%s", id, digits);
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = openat(cache->directory, temporary, flags, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return;
    if (!write_parts(fd, parts, count) ||
        renameat(cache->directory, temporary, cache->directory, id) != 0)
        (void)unlinkat(cache->directory, temporary, 0);
}

void index_cache_forget(const struct index_cache *cache, const char *id)
{
    if (cache->directory >= 0)
        (void)unlinkat(cache->directory, id, 0);
}

struct kept {
    const char (*ids)[BLOB_ID_TEXT_SIZE];
    size_t count;
};

static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void remove_unlisted(void *context, int directory, const char *name)
{
    const struct kept *kept = context;
    struct stat info;
    if (kept->count > 0 &&
        bsearch(name, kept->ids, kept->count, sizeof(kept->ids[0]), compare_ids) != NULL)
        return;
    bool is_temporary = name[0] == '.';
    if (is_temporary && (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
                         !is_older(&info, TEMPORARY_AGE_S)))
        return;
    (void)unlinkat(directory, name, 0);
}

void index_cache_keep(const struct index_cache *cache, const char (*ids)[BLOB_ID_TEXT_SIZE],
                      size_t count)
{
    struct kept kept = {.ids = ids, .count = count};
    if (cache->directory >= 0)
        each_name(cache->directory, remove_unlisted, &kept);
}
