#include "tests/support/tree_compare.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS_MAX = 4096, XATTR_MAX = 64 * 1024, BLOCK = 64 * 1024 };

struct pair {
    int expected, actual; /* directories */
    const char *path;     /* for messages */
};

/* Which file of one side is which of the other. Two subvolumes have the same inode numbers. */
static struct {
    struct stat expected, actual;
} links[LINKS_MAX];

static size_t link_count;

static bool is_same_file(const struct stat *one, const struct stat *other)
{
    return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

static void compare_links(const struct stat *expected, const struct stat *actual, const char *path)
{
    cr_assert(expected->st_nlink == actual->st_nlink, "%s: links", path);
    for (size_t i = 0; i < link_count; i++) {
        bool same = is_same_file(&links[i].expected, expected);
        cr_assert(same == is_same_file(&links[i].actual, actual), "%s: linked otherwise", path);
        if (same)
            return;
    }
    cr_assert(link_count < LINKS_MAX);
    links[link_count].expected = *expected;
    links[link_count++].actual = *actual;
}

static void compare_contents(const struct pair *pair, const char *name, const char *path)
{
    static char left[BLOCK], right[BLOCK];
    int expected = openat(pair->expected, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int actual = openat(pair->actual, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    cr_assert(expected >= 0 && actual >= 0, "%s: open", path);
    for (;;) {
        ssize_t got = read(expected, left, sizeof(left));
        cr_assert(got >= 0 && read(actual, right, sizeof(right)) == got, "%s: length", path);
        cr_assert(memcmp(left, right, (size_t)got) == 0, "%s: content", path);
        if (got == 0)
            break;
    }
    close(expected);
    close(actual);
}

static void compare_targets(const struct pair *pair, const char *name, const char *path)
{
    char left[PATH_MAX], right[PATH_MAX];
    ssize_t len = readlinkat(pair->expected, name, left, sizeof(left));
    cr_assert(len >= 0 && readlinkat(pair->actual, name, right, sizeof(right)) == len, "%s: target",
              path);
    cr_assert(memcmp(left, right, (size_t)len) == 0, "%s: target", path);
}

static const char *proc_path(int directory, const char *name, char path[PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "/proc/self/fd/%d/%s", directory, name);
    return path;
}

static void compare_xattrs(const struct pair *pair, const char *name, const char *path)
{
    static char names[XATTR_MAX], other[XATTR_MAX], left[XATTR_MAX], right[XATTR_MAX];
    char expected[PATH_MAX], actual[PATH_MAX];
    proc_path(pair->expected, name, expected);
    proc_path(pair->actual, name, actual);
    ssize_t len = llistxattr(expected, names, sizeof(names));
    cr_assert(len >= 0 && llistxattr(actual, other, sizeof(other)) == len,
              "%s: other extended attributes", path);
    for (const char *xattr = names; xattr < names + len; xattr += strlen(xattr) + 1) {
        ssize_t value = lgetxattr(expected, xattr, left, sizeof(left));
        cr_assert(value >= 0 && lgetxattr(actual, xattr, right, sizeof(right)) == value,
                  "%s: xattr %s", path, xattr);
        cr_assert(memcmp(left, right, (size_t)value) == 0, "%s: xattr %s", path, xattr);
    }
}

static void compare_stat(const struct stat *expected, const struct stat *actual, const char *path)
{
    cr_assert(expected->st_mode == actual->st_mode, "%s: mode %o, not %o", path, actual->st_mode,
              expected->st_mode);
    cr_assert(expected->st_uid == actual->st_uid && expected->st_gid == actual->st_gid, "%s: owner",
              path);
    cr_assert(expected->st_mtim.tv_sec == actual->st_mtim.tv_sec &&
                  expected->st_mtim.tv_nsec == actual->st_mtim.tv_nsec,
              "%s: time %ld.%09ld, not %ld.%09ld", path, actual->st_mtim.tv_sec,
              actual->st_mtim.tv_nsec, expected->st_mtim.tv_sec, expected->st_mtim.tv_nsec);
    if (S_ISCHR(expected->st_mode) || S_ISBLK(expected->st_mode))
        cr_assert(expected->st_rdev == actual->st_rdev, "%s: device", path);
    if (S_ISREG(expected->st_mode))
        cr_assert(expected->st_size == actual->st_size, "%s: size", path);
}

static size_t compare_directories(const struct pair *pair);

static size_t compare_entry(const struct pair *pair, const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", pair->path, name);
    struct stat expected, actual;
    cr_assert(fstatat(pair->expected, name, &expected, AT_SYMLINK_NOFOLLOW) == 0, "%s", path);
    cr_assert(fstatat(pair->actual, name, &actual, AT_SYMLINK_NOFOLLOW) == 0, "%s: missing", path);
    compare_stat(&expected, &actual, path);
    compare_xattrs(pair, name, path);
    if (S_ISREG(expected.st_mode))
        compare_contents(pair, name, path);
    if (S_ISLNK(expected.st_mode))
        compare_targets(pair, name, path);
    if (!S_ISDIR(expected.st_mode)) {
        if (expected.st_nlink > 1)
            compare_links(&expected, &actual, path);
        return 1;
    }
    struct pair below = {
        .expected = openat(pair->expected, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .actual = openat(pair->actual, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .path = path,
    };
    size_t count = 1 + compare_directories(&below);
    close(below.expected);
    close(below.actual);
    return count;
}

static size_t count_entries(int directory)
{
    size_t count = 0;
    DIR *stream = fdopendir(dup(directory));
    rewinddir(stream);
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

static size_t compare_directories(const struct pair *pair)
{
    size_t count = 0;
    cr_assert(pair->expected >= 0 && pair->actual >= 0, "%s: open", pair->path);
    size_t actual = count_entries(pair->actual);
    size_t expected = count_entries(pair->expected);
    cr_assert(expected == actual, "%s: %zu entries, not %zu", pair->path, actual, expected);
    DIR *stream = fdopendir(dup(pair->expected));
    rewinddir(stream);
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            count += compare_entry(pair, entry->d_name);
    closedir(stream);
    return count;
}

size_t tree_compare(const char *expected, const char *actual)
{
    link_count = 0;
    struct pair top = {
        .expected = open(expected, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .actual = open(actual, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .path = expected,
    };
    cr_assert(top.expected >= 0 && top.actual >= 0, "open '%s' and '%s'", expected, actual);
    size_t count = compare_entry(&top, ".");
    close(top.expected);
    close(top.actual);
    return count;
}
