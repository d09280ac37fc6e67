#include "paths.h"

#include "config/config.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_part(const char *part, size_t len, const char *name)
{
    return len == strlen(name) && strncmp(part, name, len) == 0;
}

char *path_clean(const char *path)
{
    if (*path != '/') {
        errno = EINVAL;
        return NULL;
    }
    char *clean = malloc(strlen(path) + 1);
    if (clean == NULL)
        return NULL;
    size_t used = 0;
    for (const char *part = path; *part != '\0';) {
        part += strspn(part, "/");
        size_t len = strcspn(part, "/");
        if (is_part(part, len, "..")) {
            free(clean);
            errno = EINVAL;
            return NULL;
        }
        if (len > 0 && !is_part(part, len, ".")) {
            clean[used++] = '/';
            memcpy(clean + used, part, len);
            used += len;
        }
        part += len;
    }
    if (used == 0)
        clean[used++] = '/';
    clean[used] = '\0';
    return clean;
}

/* Where systemd looks for LoadCredential=NAME itself, in this order. */
static const char *credential_store(const char *name)
{
    static const char run[] = "/run/credstore";
    char path[PATH_MAX];
    bool fits = snprintf(path, sizeof(path), "%s/%s", run, name) < (int)sizeof(path);
    return fits && access(path, F_OK) == 0 ? run : "/etc/credstore";
}

static char *path_of_credential(const char *name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    if (directory == NULL || *directory == '\0')
        directory = credential_store(name);
    char *path = NULL;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static bool is_in(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/';
}

/* The main process of a unit has all of its credentials; what systemd starts beside it has the name
 * of their directory, and no directory. Whoever is not started by it sees the stores, but neither
 * what is encrypted nor what comes from elsewhere. */
bool config_may_read(const char *path)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    bool is_given = directory != NULL && *directory != '\0';
    if (is_in(path, "$CREDENTIALS_DIRECTORY"))
        return is_given && access(directory, F_OK) == 0;
    if (is_given && is_in(path, directory))
        return access(directory, F_OK) == 0;
    if (is_in(path, "/run/credstore") || is_in(path, "/etc/credstore"))
        return access(path, F_OK) == 0 || errno != ENOENT;
    return true;
}

static const char credential[] = "credential:";

bool path_is_credential(const char *path)
{
    return strncmp(path, credential, sizeof(credential) - 1) == 0;
}

char *path_from(const char *file, const char *path)
{
    if (path_is_credential(path))
        return path_of_credential(path + sizeof(credential) - 1);
    const char *slash = strrchr(file, '/');
    if (*path == '/' || slash == NULL)
        return strdup(path);
    char *joined = NULL;
    if (asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0)
        return NULL;
    return joined;
}
