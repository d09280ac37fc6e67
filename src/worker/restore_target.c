#include "restore_target.h"

#include "core/cleanup.h"
#include "core/directory.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* The longest part of the path that is there has to be directories all the way. */
static enum status check_links(const char *path, struct error *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof(part))
        return FAIL(err, STATUS_TOO_LARGE, "the path is too long");
    memcpy(part, path, len + 1);
    for (;;) {
        CLEANUP(fd_closep)
        int fd = directory_open_at(AT_FDCWD, part, O_PATH | O_DIRECTORY, DIRECTORY_ANYWHERE);
        if (fd >= 0)
            return STATUS_OK;
        if (errno == ELOOP || errno == ENOTDIR) {
            return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_TARGET_FORBIDDEN,
                               "'%.300s' is a symbolic link or no directory, or lies behind one",
                               part);
        }
        if (errno != ENOENT)
            return FAIL_ERRNO(err, "'%.300s'", part);
        char *slash = strrchr(part, '/');
        if (slash == NULL || slash == part)
            return STATUS_OK;
        *slash = '\0';
    }
}

enum status restore_target_check(const struct config *config, const char *path, struct error *err)
{
    if (config->worker.restore_directories[0] == NULL) {
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_TARGET_FORBIDDEN,
                           "node '%s' restores in place only: worker.restore_directories of its "
                           "configuration names no directory",
                           config->node);
    }
    if (!config_allows_target(config, path)) {
        return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_TARGET_FORBIDDEN,
                           "'%.300s' is not a clean path below one of worker.restore_directories "
                           "of node '%s'",
                           path, config->node);
    }
    return check_links(path, err);
}
