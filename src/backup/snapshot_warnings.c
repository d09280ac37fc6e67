#include "context.h"
#include "core/cleanup.h"
#include "files/mounts.h"
#include "model/detail.h"
#include "snapshot/snapshot.h"
#include "stages.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Who writes "snapshot: none" into the app's file knows. */
static bool expects_snapshot(const struct app_definition *app)
{
    if (app->snapshot == APP_SNAPSHOT_NONE)
        return false;
    return app->hooks[HOOK_PRE_SNAPSHOT].count > 0 || app->hooks[HOOK_POST_SNAPSHOT].count > 0;
}

/* The first volume without a snapshot, NULL if each has one, and how many there are. */
static const struct snapshot_plan *find_live(const struct backup_context *context,
                                             size_t *ret_count)
{
    const struct snapshot_plan *first = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < context->volume_count; i++) {
        if (context->volumes[i].driver != APP_SNAPSHOT_NONE)
            continue;
        if (first == NULL)
            first = &context->volumes[i];
        ++*ret_count;
    }
    return first;
}

/* One entry, whatever the number of volumes: all have the same cause and the same remedy. */
static enum status tell_live_volumes(struct backup_context *context, const struct mounts *mounts,
                                     struct error *err)
{
    size_t count = 0;
    const struct snapshot_plan *first = find_live(context, &count);
    struct mount mount;
    if (first == NULL || !expects_snapshot(context->operation.app))
        return STATUS_OK;
    if (mounts_find(mounts, first->volume, &mount, err) != STATUS_OK)
        return error_status(err);
    char others[40] = "";
    if (count > 1)
        (void)snprintf(others, sizeof(others), " and %zu other%s", count - 1,
                       count == 2 ? "" : "s");
    char text[DETAIL_TEXT_MAX + 1];
    (void)snprintf(
        text, sizeof(text),
        "volume '%.160s' (%.32s)%s: no snapshot was taken, and the files were read after "
        "the post_snapshot hooks, while the application went on. Hold it with pre_backup "
        "and post_backup hooks, for the whole upload, or use a file system with "
        "snapshots (btrfs, XFS)",
        first->volume, mount.type, others);
    detail_add(context->operation.result->state_details, REASON_NOT_A_SNAPSHOT, "Not a snapshot",
               text, NULL);
    return STATUS_OK;
}

/* Where the file system could, and something was in the way. */
static void tell_passed(struct backup_context *context)
{
    for (size_t i = 0; i < context->volume_count; i++) {
        const struct snapshot_plan *plan = &context->volumes[i];
        if (plan->driver != APP_SNAPSHOT_NONE || plan->passed[0] == '\0')
            continue;
        char text[DETAIL_TEXT_MAX + 1];
        (void)snprintf(
            text, sizeof(text),
            "volume '%.160s': no snapshot could be taken, and its files are read as they "
            "are: %.300s",
            plan->volume, plan->passed);
        detail_add(context->operation.result->state_details, REASON_NOT_A_SNAPSHOT,
                   "Not a snapshot", text, NULL);
    }
}

/* Without waiting for a server that is away. */
static bool is_directory(const char *path)
{
    struct statx info;
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    return statx(AT_FDCWD, path, flags, STATX_TYPE, &info) != 0 || S_ISDIR(info.stx_mode);
}

/* Is it, or a directory on the way to it, left out on purpose? */
static bool is_excluded(const struct backup_context *context, const char *volume, const char *path)
{
    char part[PATH_MAX];
    size_t volume_len = strcmp(volume, "/") == 0 ? 0 : strlen(volume);
    size_t len = volume_len;
    if (strlen(path) >= sizeof(part))
        return false;
    while (path[len] != '\0') {
        len += 1 + strcspn(path + len + 1, "/");
        memcpy(part, path, len);
        part[len] = '\0';
        bool directory = path[len] != '\0' || is_directory(path);
        if (exclude_matches(context->exclude, part, volume_len, directory))
            return true;
    }
    return false;
}

/* A snapshot of a file system has what lies under the mount; a copy has an empty directory or
 * file for it. */
static bool is_missing(const struct snapshot_plan *plan, const struct mount *mount,
                       const struct mount *around)
{
    if (!mount_is_below(mount, around, plan->volume))
        return false;
    return !snapshot_shows_under_mounts(plan->driver) || !mount_hides_nothing(mount, around);
}

static enum status tell_mounts(struct backup_context *context, const struct snapshot_plan *plan,
                               const struct mounts *mounts, struct error *err)
{
    struct mount around;
    if (mounts_find(mounts, plan->volume, &around, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount *mount = &mounts->list[i];
        if (is_missing(plan, mount, &around) && !is_excluded(context, plan->volume, mount->path))
            warnings_add_mount(&context->warnings, mount->path);
    }
    return STATUS_OK;
}

static enum status tell(struct backup_context *context, const struct mounts *mounts,
                        struct error *err)
{
    tell_passed(context);
    if (tell_live_volumes(context, mounts, err) != STATUS_OK)
        return error_status(err);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < context->volume_count; i++) {
        const struct snapshot_plan *plan = &context->volumes[i];
        if (plan->driver != APP_SNAPSHOT_NONE) /* the walk would tell of those */
            status = tell_mounts(context, plan, mounts, err);
    }
    return status;
}

enum status snapshot_warnings_tell(struct backup_context *context, struct error *err)
{
    CLEANUP(mounts_done) struct mounts mounts;
    if (mounts_read(&mounts, err) != STATUS_OK)
        return error_status(err);
    return tell(context, &mounts, err);
}
