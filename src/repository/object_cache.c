#include "object_cache.h"

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

static const char *const names[OBJECT_CACHE_FOLDERS] = {"index", "snapshots"};

/* -1: this folder has no copies. */
static int folder_of(const struct object_cache *cache, const char *folder)
{
    for (size_t i = 0; i < OBJECT_CACHE_FOLDERS; i++)
        if (strcmp(folder, names[i]) == 0)
            return cache->folders[i];
    return -1;
}

/* By descriptors, and never through a symbolic link: it is root who works here. */
static int open_existing(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_below(int parent, const char *name)
{
    if (mkdirat(parent, name, S_IRWXU) != 0 && errno != EEXIST)
        return -1;
    return open_existing(parent, name);
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

static void remove_folder(int repository, const char *folder)
{
    CLEANUP(fd_closep) int copies = open_existing(repository, folder);
    if (copies < 0)
        return;
    each_name(copies, remove_copy, NULL);
    (void)unlinkat(repository, folder, AT_REMOVEDIR);
}

/* A repository's directory is touched whenever it is opened. */
static void remove_unused(UNUSED void *context, int top, const char *name)
{
    struct stat info;
    struct blob_id ignored;
    if (!blob_id_from_text(name, &ignored) || fstatat(top, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(info.st_mode) || !is_older(&info, UNUSED_AGE_S))
        return;
    CLEANUP(fd_closep) int repository = open_existing(top, name);
    if (repository < 0)
        return;
    for (size_t i = 0; i < OBJECT_CACHE_FOLDERS; i++)
        remove_folder(repository, names[i]);
    (void)unlinkat(top, name, AT_REMOVEDIR);
}

void object_cache_init(struct object_cache *cache)
{
    for (size_t i = 0; i < OBJECT_CACHE_FOLDERS; i++)
        cache->folders[i] = -1;
}

void object_cache_open(struct object_cache *cache, const char *directory, const char *repository_id)
{
    object_cache_init(cache);
    CLEANUP(fd_closep) int top = open_top(directory);
    CLEANUP(fd_closep) int repository = top < 0 ? -1 : open_below(top, repository_id);
    if (repository < 0)
        return;
    (void)futimens(repository, NULL);
    for (size_t i = 0; i < OBJECT_CACHE_FOLDERS; i++)
        cache->folders[i] = open_below(repository, names[i]);
    each_name(top, remove_unused, NULL);
}

void object_cache_close(struct object_cache *cache)
{
    for (size_t i = 0; i < OBJECT_CACHE_FOLDERS; i++)
        fd_closep(&cache->folders[i]);
    object_cache_init(cache);
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

bool object_cache_get(const struct object_cache *cache, const char *folder, const char *id,
                      struct buffer *stored)
{
    int directory = folder_of(cache, folder);
    if (directory < 0)
        return false;
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = openat(directory, id, flags);
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
void object_cache_put(const struct object_cache *cache, const char *folder, const char *id,
                      const struct object_part *parts, size_t count)
{
    unsigned char random[TEMPORARY_RANDOM_BYTES];
    char digits[2 * TEMPORARY_RANDOM_BYTES + 1];
    char temporary[TEMPORARY_SIZE + 1];
    struct error ignored;
    int directory = folder_of(cache, folder);
    if (directory < 0 || crypto_random(random, sizeof(random), &ignored) != STATUS_OK)
        return;
    hex_encode(random, sizeof(random), digits);
    (void)snprintf(temporary, sizeof(temporary), ".%s.%s", id, digits);
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    CLEANUP(fd_closep) int fd = openat(directory, temporary, flags, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return;
    if (!write_parts(fd, parts, count) || renameat(directory, temporary, directory, id) != 0)
        (void)unlinkat(directory, temporary, 0);
}

void object_cache_forget(const struct object_cache *cache, const char *folder, const char *id)
{
    int directory = folder_of(cache, folder);
    if (directory >= 0)
        (void)unlinkat(directory, id, 0);
}

static void remove_unlisted(void *context, int directory, const char *name)
{
    const struct id_list *kept = context;
    struct stat info;
    if (id_list_has(kept, name))
        return;
    bool is_temporary = name[0] == '.';
    if (is_temporary && (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
                         !is_older(&info, TEMPORARY_AGE_S)))
        return;
    (void)unlinkat(directory, name, 0);
}

void object_cache_keep(const struct object_cache *cache, const char *folder,
                       const struct id_list *ids)
{
    int directory = folder_of(cache, folder);
    struct id_list kept = *ids;
    if (directory >= 0)
        each_name(directory, remove_unlisted, &kept);
}
