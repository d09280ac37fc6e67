#include "config/credentials.h"

#include "core/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where systemd looks for LoadCredential=NAME itself, in this order. */
static const char *credential_store(const char *name)
{
    static const char run[] = "/run/credstore";
    char path[PATH_MAX];
    bool fits = snprintf(path, sizeof(path), "%s/%s", run, name) < (int)sizeof(path);
    return fits && access(path, F_OK) == 0 ? run : "/etc/credstore";
}

char *credential_path(const char *name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    if (directory == NULL || *directory == '\0')
        directory = credential_store(name);
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* The main process of a unit has all of its credentials; what systemd starts beside it has the name
 * of their directory, and no directory. Whoever is not started by it sees the stores, but neither
 * what is encrypted nor what comes from elsewhere. */
bool config_may_read(const char *path)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    bool is_given = directory != NULL && *directory != '\0';
    if (path_is_inside(path, "$CREDENTIALS_DIRECTORY"))
        return is_given && access(directory, F_OK) == 0;
    if (is_given && path_is_inside(path, directory))
        return access(directory, F_OK) == 0;
    if (path_is_inside(path, "/run/credstore") || path_is_inside(path, "/etc/credstore"))
        return access(path, F_OK) == 0 || errno != ENOENT;
    return true;
}

bool config_may_read_secrets(void)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    return directory == NULL || access(directory, F_OK) == 0;
}
