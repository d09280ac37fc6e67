#include "places.h"

#include "core/file.h"

#include <stdio.h>

static enum status place(char path[PATH_MAX], const char *state_directory, const char *name,
                         struct error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", state_directory, name) >= PATH_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "state directory '%s': the path is too long",
                    state_directory);
    return file_make_directories(path, 0700, err);
}

enum status places_init(struct places *places, const char *state_directory, struct error *err)
{
    if (place(places->undo, state_directory, "undo", err) != STATUS_OK)
        return FAIL_IN(err, "state directory");
    if (place(places->locks, state_directory, "jobs", err) != STATUS_OK)
        return FAIL_IN(err, "state directory");
    return STATUS_OK;
}
