#include "pending.h"

#include "core/array.h"
#include "core/cleanup.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

enum status pending_push(struct pending *pending, enum pending_step step, const char *directory,
                         const char *name, struct error *err)
{
    if (array_reserve(&pending->items, &pending->capacity, pending->count + 1,
                      sizeof(*pending->items), err) != STATUS_OK)
        return FAIL_IN(err, "directories to walk");
    char *path = NULL;
    bool at_top = strcmp(directory, ".") == 0;
    int len = name == NULL ? asprintf(&path, "%s", directory)
              : at_top     ? asprintf(&path, "%s", name)
                           : asprintf(&path, "%s/%s", directory, name);
    if (len < 0)
        return FAIL(err, STATUS_NO_MEMORY, "a path in '%s'", directory);
    if (len >= PATH_MAX) {
        free(path);
        return FAIL(err, STATUS_TOO_LARGE, "'%.100s...' is more than %d bytes deep", directory,
                    PATH_MAX);
    }
    pending->items[pending->count++] = (struct pending_item){.step = step, .path = path};
    return STATUS_OK;
}

bool pending_pop(struct pending *pending, struct pending_item *ret_item)
{
    if (pending->count == 0)
        return false;
    *ret_item = pending->items[--pending->count];
    return true;
}

void pending_done(struct pending *pending)
{
    while (pending->count > 0)
        free(pending->items[--pending->count].path);
    free(pending->items);
    *pending = (struct pending){.items = NULL};
}
