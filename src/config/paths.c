#include "paths.h"

#include "config/credentials.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const char credential[] = "credential:";

bool path_is_credential(const char *path)
{
    return strncmp(path, credential, sizeof(credential) - 1) == 0;
}

char *path_from(const char *file, const char *path)
{
    if (path_is_credential(path))
        return credential_path(path + sizeof(credential) - 1);
    const char *slash = strrchr(file, '/');
    if (*path == '/' || slash == NULL)
        return strdup(path);
    char *joined = NULL;
    if (asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0)
        return NULL;
    return joined;
}
