#include "bucket_check.h"

#include "access/bucket.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Returns what is wrong with it; NULL: nothing is. */
static const char *problem_of_directory(const char *path, bool for_writing)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return strerrordesc_np(errno);
    if (!S_ISDIR(info.st_mode))
        return "it is not a directory";
    return access(path, R_OK | X_OK | (for_writing ? W_OK : 0)) == 0 ? NULL
                                                                     : strerrordesc_np(errno);
}

enum status bucket_check(const struct bucket_definition *definition, bool for_writing,
                         struct error *err)
{
    if (definition->bucket.provider != BUCKET_DIRECTORY)
        return STATUS_OK;
    const char *problem = problem_of_directory(definition->path, for_writing);
    if (problem == NULL)
        return access_bucket_check(definition, err);
    return FAIL_REASON(err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE,
                       "bucket '%s': directory '%.300s': %s", definition->bucket.name,
                       definition->path, problem);
}
