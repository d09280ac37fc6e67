#include "live_entry.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "core/look.h"

#include <fcntl.h>
#include <stdlib.h>

static size_t count_levels(const struct walk_directory *directory)
{
    size_t count = 0;
    for (; directory->parent != NULL; directory = directory->parent)
        count++;
    return count;
}

/* From the volume, which is no level, down to the directory. */
static enum status go_down(const struct walk_directory *directory, int *fd, struct error *err)
{
    size_t count = count_levels(directory);
    CLEANUP(free_any) const char **names = calloc(count + 1, sizeof(*names));
    if (names == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a path of %zu names", count);
    for (size_t i = count; i > 0; i--, directory = directory->parent)
        names[i - 1] = directory->name;
    for (size_t i = 0; i < count && *fd >= 0; i++) {
        int next =
            directory_open_at(*fd, names[i], O_RDONLY | O_DIRECTORY, DIRECTORY_ON_SAME_MOUNT);
        (void)close(*fd);
        *fd = next;
    }
    return STATUS_OK;
}

static enum status find(struct upload_entry *entry, const struct snapshot_plan *plan,
                        struct error *lost, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct look look;
    if (directory_open(plan->volume, &fd, lost) != STATUS_OK)
        return STATUS_OK;
    if (go_down(entry->holder, &fd, err) != STATUS_OK)
        return error_status(err);
    if (fd < 0 || look_at(fd, entry->name, &entry->info, &look) != 0) {
        error_set_errno(lost, errno, "look at it in the volume");
        return STATUS_OK;
    }
    if (look.is_mount || S_ISDIR(entry->info.st_mode) || S_ISSOCK(entry->info.st_mode)) {
        error_set(lost, STATUS_CONFLICT, "something else has taken its place");
        return STATUS_OK;
    }
    struct walk_directory *live = walk_twin(entry->holder, STEAL_FD(fd));
    if (live == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a directory");
    walk_drop(entry->holder);
    entry->holder = live;
    return STATUS_OK;
}

enum status live_entry_find(struct upload_entry *entry, const struct snapshot_plan *plan,
                            struct error *err)
{
    struct error lost = {0};
    if (find(entry, plan, &lost, err) != STATUS_OK)
        return error_status(err);
    bool is_there = lost.status == STATUS_OK;
    entry->is_file = is_there ? S_ISREG(entry->info.st_mode) : true;
    entry->done = !is_there || !entry->is_file;
    entry->is_reused = !is_there; /* the pool leaves it alone */
    if (is_there)
        return STATUS_OK;
    enum warning kind = lost.status == STATUS_CONFLICT ? WARNING_CHANGED : warning_of(&lost);
    return upload_entry_fail(entry, kind, &lost, err);
}
