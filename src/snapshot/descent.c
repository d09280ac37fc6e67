#include "descent.h"

#include "core/array.h"
#include "core/cleanup.h"
#include "core/directory.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

static bool identify(int fd, struct descent_identity *ret_identity)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return false;
    *ret_identity = (struct descent_identity){.device = info.st_dev, .inode = info.st_ino};
    return true;
}

static bool is_that(int fd, const struct descent_identity *wanted)
{
    struct descent_identity is;
    return identify(fd, &is) && is.device == wanted->device && is.inode == wanted->inode;
}

static enum status push(struct descent *descent, struct descent_level *level, struct error *err)
{
    if (!identify(level->from_fd, &level->from) || !identify(level->to_fd, &level->to))
        return FAIL_ERRNO(err, "stat");
    if (array_reserve(&descent->levels, &descent->capacity, descent->depth + 1,
                      sizeof(*descent->levels), err) != STATUS_OK)
        return FAIL_IN(err, "directories to copy");
    buffer_init(&level->later, SIZE_MAX);
    descent->levels[descent->depth++] = *level;
    return STATUS_OK;
}

enum status descent_init(struct descent *descent, int from_fd, int to_fd, struct error *err)
{
    *descent = (struct descent){.levels = NULL};
    buffer_init(&descent->path, DESCENT_PATH_MAX);
    struct descent_level top = {.from_fd = from_fd, .to_fd = to_fd};
    return push(descent, &top, err);
}

static void close_level(struct descent_level *level)
{
    fd_closep(&level->from_fd);
    fd_closep(&level->to_fd);
    level->from_fd = -1;
    level->to_fd = -1;
}

void descent_done(struct descent *descent)
{
    for (size_t i = 0; i < descent->depth; i++) {
        if (i > 0)
            close_level(&descent->levels[i]);
        buffer_done(&descent->levels[i].later);
    }
    free(descent->levels);
    buffer_done(&descent->path);
    *descent = (struct descent){.levels = NULL};
}

struct descent_level *descent_here(const struct descent *descent)
{
    return &descent->levels[descent->depth - 1];
}

const char *descent_path(const struct descent *descent)
{
    return descent->path.len == 0 ? "." : (const char *)descent->path.bytes;
}

enum status descent_note(struct descent *descent, const char *name, struct error *err)
{
    return buffer_add(&descent_here(descent)->later, name, strlen(name) + 1, err);
}

const char *descent_next(struct descent *descent)
{
    struct descent_level *level = descent_here(descent);
    if (level->next >= level->later.len)
        return NULL;
    const char *name = (const char *)level->later.bytes + level->next;
    level->next += strlen(name) + 1;
    return name;
}

static void set_path_len(struct descent *descent, size_t len)
{
    descent->path.len = len;
    if (descent->path.bytes != NULL)
        descent->path.bytes[len] = '\0';
}

static enum status add_to_path(struct descent *descent, const char *name, struct error *err)
{
    if (descent->path.len > 0 && buffer_add_text(&descent->path, "/", err) != STATUS_OK)
        return error_status(err);
    return buffer_add_text(&descent->path, name, err);
}

enum status descent_enter(struct descent *descent, const char *name, int from_fd, int to_fd,
                          struct error *err)
{
    size_t path_len = descent->path.len;
    struct descent_level level = {.from_fd = from_fd, .to_fd = to_fd};
    enum status status = add_to_path(descent, name, err);
    level.path_len = descent->path.len;
    if (status == STATUS_OK)
        status = push(descent, &level, err);
    if (status != STATUS_OK) {
        close_level(&level);
        set_path_len(descent, path_len);
        return status;
    }
    if (descent->depth > DESCENT_OPEN_MAX + 1)
        close_level(&descent->levels[descent->depth - 1 - DESCENT_OPEN_MAX]);
    return STATUS_OK;
}

/* A path may be longer than one call takes: so many bytes of it at a time. */
static int open_below(int top_fd, const char *path)
{
    char part[PATH_MAX];
    int fd = directory_open_at(top_fd, ".", O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
    while (fd >= 0 && *path != '\0') {
        size_t len = strlen(path);
        if (len >= sizeof(part)) {
            len = sizeof(part) - 1;
            while (path[len] != '/')
                len--;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        int next = directory_open_at(fd, part, O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
        (void)close(fd);
        fd = next;
        path += len + strspn(path + len, "/");
    }
    return fd;
}

/* The directory above that of the descriptor, or what the path leads to, if it is that one. */
static int open_again(int below_fd, int top_fd, const char *path,
                      const struct descent_identity *wanted)
{
    CLEANUP(fd_closep)
    int above = directory_open_at(below_fd, "..", O_RDONLY | O_DIRECTORY, DIRECTORY_ANYWHERE);
    if (is_that(above, wanted))
        return STEAL_FD(above);
    CLEANUP(fd_closep) int found = open_below(top_fd, path);
    return is_that(found, wanted) ? STEAL_FD(found) : -1;
}

enum status descent_leave(struct descent *descent, struct error *err)
{
    struct descent_level *left = descent_here(descent);
    struct descent_level *level = left - 1;
    set_path_len(descent, level->path_len);
    if (level->to_fd < 0) {
        const struct descent_level *top = &descent->levels[0];
        const char *path = descent_path(descent);
        level->from_fd = open_again(left->from_fd, top->from_fd, path, &level->from);
        level->to_fd = open_again(left->to_fd, top->to_fd, path, &level->to);
    }
    close_level(left);
    buffer_done(&left->later);
    descent->depth--;
    if (level->to_fd < 0)
        return FAIL(err, STATUS_CONFLICT, "somebody has moved '%.200s' of the copy",
                    descent_path(descent));
    return STATUS_OK;
}
