#include "undo/place.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "core/path.h"
#include "core/point.h"
#include "files/attributes_set.h"
#include "files/listing.h"
#include "files/mounts.h"
#include "snapshot/snapshot.h"
#include "snapshot/tree_remove.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    BTRFS_ROOT_INODE = 256,
    SHOWN_NAME_MAX = 190 /* of the volume's, so that the place's name stays below NAME_MAX */
};

static const char place_new[] = "new";
static const char place_in[] = "in";
static const char place_done[] = "done";
static const char place_old[] = "old";

/* The directories and names that a place consists of. */
struct open_place {
    int around;                /* the volume's parent, or, inside, the volume */
    char live[NAME_MAX + 1];   /* beside: the volume's name in it */
    char beside[NAME_MAX + 1]; /* the place's name in it */
};

static enum status open_around(const struct undo_place *place, const char *job,
                               struct open_place *ret_open, struct error *err)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", place->volume);
    char *slash = strrchr(path, '/');
    if (path[0] != '/' || slash == NULL || strlen(slash + 1) > NAME_MAX)
        return FAIL(err, STATUS_INVALID, "'%s' is not the path of a volume", place->volume);
    if (place->inside) {
        (void)snprintf(ret_open->beside, sizeof(ret_open->beside), ".appbackup-%s-0", job);
        return directory_open(path, &ret_open->around, err);
    }
    (void)snprintf(ret_open->live, sizeof(ret_open->live), "%s", slash + 1);
    (void)snprintf(ret_open->beside, sizeof(ret_open->beside), ".%.*s.appbackup-restore-%s",
                   SHOWN_NAME_MAX, slash + 1, job);
    slash[slash == path ? 1 : 0] = '\0';
    return directory_open(path, &ret_open->around, err);
}

/* What is mounted there would go away with the old, or keep it from going. */
static enum status check_mounts(const char *volume, struct error *err)
{
    CLEANUP(mounts_done) struct mounts mounts;
    if (mounts_read(&mounts, err) != STATUS_OK)
        return error_status(err);
    for (size_t i = 0; i < mounts.count; i++) {
        if (path_is_inside(mounts.list[i].path, volume))
            return FAIL_REASON(err, STATUS_CONFLICT, REASON_MOUNT_BELOW,
                               "'%s' is mounted below volume '%s'", mounts.list[i].path, volume);
    }
    return STATUS_OK;
}

static enum status is_immovable(int fd, bool *ret_immovable, struct error *err)
{
    struct statx info;
    struct statfs system;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &info) != 0 || fstatfs(fd, &system) != 0)
        return FAIL_ERRNO(err, "statx");
    bool mount = (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    bool subvolume = system.f_type == BTRFS_SUPER_MAGIC && info.stx_ino == BTRFS_ROOT_INODE;
    *ret_immovable = mount || subvolume;
    return STATUS_OK;
}

enum status undo_place_plan(const char *volume, struct undo_place *ret_place, struct error *err)
{
    struct undo_place place = {.inside = false};
    CLEANUP(fd_closep) int fd = -1;
    if (strlen(volume) >= sizeof(place.volume))
        return FAIL(err, STATUS_TOO_LARGE, "volume '%.100s…'", volume);
    (void)snprintf(place.volume, sizeof(place.volume), "%s", volume);
    enum status status = directory_open(volume, &fd, err);
    if (status == STATUS_OK)
        status = is_immovable(fd, &place.inside, err);
    if (status == STATUS_OK)
        status = check_mounts(volume, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return FAIL_IN(err, "volume '%s'", volume);
    *ret_place = place;
    return STATUS_OK;
}

/* Ours alone until it is finished. */
static enum status make_closed(int around, const char *name, int *ret_fd, struct error *err)
{
    bool made = mkdirat(around, name, S_IRWXU) == 0;
    if (!made && errno != EEXIST)
        return FAIL_ERRNO(err, "make '%s'", name);
    CLEANUP(fd_closep) int fd = openat(around, name, DIRECTORY_FLAGS);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", name);
    attributes_drop_inherited(fd);
    if (fchmod(fd, S_IRWXU) != 0)
        return FAIL_ERRNO(err, "close '%s' to others", name);
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status open_new(struct undo_place *place, const struct open_place *open, int *ret_fd,
                            struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat info;
    if (make_closed(open->around, open->beside, &fd, err) != STATUS_OK)
        return error_status(err);
    if (place->inside) {
        CLEANUP(fd_closep) int place_fd = STEAL_FD(fd);
        return make_closed(place_fd, place_new, ret_fd, err);
    }
    if (fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "fstat");
    place->inode = info.st_ino;
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

enum status undo_place_open(struct undo_place *place, const char *job, int *ret_fd,
                            struct error *err)
{
    struct open_place open = {.around = -1};
    enum status status = open_around(place, job, &open, err);
    if (status == STATUS_OK)
        status = open_new(place, &open, ret_fd, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}

static uint64_t inode_of(int directory, const char *name)
{
    struct stat info;
    return fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_ino : 0;
}

static enum status rename_in(int around, const char *from, const char *to, unsigned flags,
                             struct error *err)
{
    if (renameat2(around, from, around, to, flags) != 0)
        return FAIL_ERRNO(err, "rename '%s' to '%s'", from, to);
    return fsync(around) == 0 ? STATUS_OK : FAIL_ERRNO(err, "sync");
}

static enum status swap_beside(const struct undo_place *place, const struct open_place *open,
                               struct error *err)
{
    uint64_t live = inode_of(open->around, open->live);
    if (place->inode != 0 && live == place->inode)
        return STATUS_OK;
    if (place->inode == 0 || inode_of(open->around, open->beside) != place->inode)
        return FAIL(err, STATUS_CONFLICT, "'%s' is not what was restored", open->beside);
    return rename_in(open->around, open->beside, open->live,
                     live == 0 ? RENAME_NOREPLACE : RENAME_EXCHANGE, err);
}

static enum status back_beside(const struct undo_place *place, const struct open_place *open,
                               struct error *err)
{
    if (place->inode == 0 || inode_of(open->around, open->live) != place->inode)
        return STATUS_OK;
    bool has_old = inode_of(open->around, open->beside) != 0;
    return rename_in(open->around, open->live, open->beside,
                     has_old ? RENAME_EXCHANGE : RENAME_NOREPLACE, err);
}

static bool exists(int directory, const char *name)
{
    return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool stays(const char *name)
{
    return strcmp(name, "lost+found") == 0 || snapshot_is_ours(name);
}

/* Every entry but those that stay, by name; those that were moved by an earlier attempt are gone.
 */
static enum status move_all(int from, int to, struct error *err)
{
    struct listing listing;
    enum status status = listing_read(from, &listing, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; status == STATUS_OK && i < listing.count; i++) {
        const char *name = listing_at(&listing, i);
        if (stays(name))
            continue;
        point_pass("move");
        if (renameat2(from, name, to, name, RENAME_NOREPLACE) != 0)
            status = FAIL_ERRNO(err, "move '%s'", name);
    }
    listing_done(&listing);
    if (status == STATUS_OK && (fsync(to) != 0 || fsync(from) != 0))
        return FAIL_ERRNO(err, "sync");
    return status;
}

/* Between the volume and a directory of the place. */
static enum status move_out(int volume, int place_fd, const char *name, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (make_closed(place_fd, name, &fd, err) != STATUS_OK)
        return error_status(err);
    return move_all(volume, fd, err);
}

static enum status move_in(int volume, int place_fd, const char *name, struct error *err)
{
    CLEANUP(fd_closep) int fd = openat(place_fd, name, DIRECTORY_FLAGS);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", name);
    return move_all(fd, volume, err);
}

static enum status swap_inside(int volume, int place_fd, struct error *err)
{
    if (exists(place_fd, place_new) &&
        (move_out(volume, place_fd, place_old, err) != STATUS_OK ||
         rename_in(place_fd, place_new, place_in, RENAME_NOREPLACE, err) != STATUS_OK))
        return error_status(err);
    if (exists(place_fd, place_in) &&
        (move_in(volume, place_fd, place_in, err) != STATUS_OK ||
         rename_in(place_fd, place_in, place_done, RENAME_NOREPLACE, err) != STATUS_OK))
        return error_status(err);
    return exists(place_fd, place_done) ? STATUS_OK
                                        : FAIL(err, STATUS_CONFLICT, "nothing is restored there");
}

static enum status back_inside(int volume, int place_fd, struct error *err)
{
    if (exists(place_fd, place_done) &&
        rename_in(place_fd, place_done, place_in, RENAME_NOREPLACE, err) != STATUS_OK)
        return error_status(err);
    if (exists(place_fd, place_in) &&
        (move_out(volume, place_fd, place_in, err) != STATUS_OK ||
         rename_in(place_fd, place_in, place_new, RENAME_NOREPLACE, err) != STATUS_OK))
        return error_status(err);
    if (!exists(place_fd, place_old))
        return STATUS_OK;
    if (move_in(volume, place_fd, place_old, err) != STATUS_OK)
        return error_status(err);
    return unlinkat(place_fd, place_old, AT_REMOVEDIR) == 0 ? STATUS_OK : FAIL_ERRNO(err, "remove");
}

void undo_place_show_old(const struct undo_place *place, const char *job, char *text, size_t size)
{
    const char *slash = strrchr(place->volume, '/');
    if (place->inside || slash == NULL)
        (void)snprintf(text, size, "%s/.appbackup-%s-0/%s", place->volume, job, place_old);
    else
        (void)snprintf(text, size, "%.*s/.%.*s.appbackup-restore-%s", (int)(slash - place->volume),
                       place->volume, SHOWN_NAME_MAX, slash + 1, job);
}

/* *ret_fd: -1 if there is none. */
static enum status open_if_there(int directory, const char *name, int *ret_fd, struct error *err)
{
    int fd = openat(directory, name, DIRECTORY_FLAGS);
    if (fd < 0 && errno != ENOENT)
        return FAIL_ERRNO(err, "open '%s'", name);
    *ret_fd = fd;
    return STATUS_OK;
}

static enum status open_live(const struct undo_place *place, const struct open_place *open,
                             int *ret_fd, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat info = {0};
    if (open_if_there(open->around, open->live, &fd, err) != STATUS_OK)
        return error_status(err);
    if (fd < 0 || fstat(fd, &info) != 0 || info.st_ino != place->inode)
        return FAIL(err, STATUS_CONFLICT, "it is not what was restored");
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status open_both(const struct undo_place *place, struct open_place *open,
                             int *ret_old_fd, int *ret_new_fd, struct error *err)
{
    CLEANUP(fd_closep) int beside = -1;
    CLEANUP(fd_closep) int old = -1;
    if (open_if_there(open->around, open->beside, &beside, err) != STATUS_OK)
        return error_status(err);
    if (!place->inside)
        old = STEAL_FD(beside);
    else if (beside >= 0 && open_if_there(beside, place_old, &old, err) != STATUS_OK)
        return error_status(err);
    if (old < 0)
        return STATUS_OK;
    if (place->inside)
        *ret_new_fd = STEAL_FD(open->around);
    else if (open_live(place, open, ret_new_fd, err) != STATUS_OK)
        return error_status(err);
    *ret_old_fd = STEAL_FD(old);
    return STATUS_OK;
}

enum status undo_place_open_both(const struct undo_place *place, const char *job, int *ret_old_fd,
                                 int *ret_new_fd, struct error *err)
{
    struct open_place open = {.around = -1};
    *ret_old_fd = -1;
    *ret_new_fd = -1;
    enum status status = open_around(place, job, &open, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = open_both(place, &open, ret_old_fd, ret_new_fd, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}

static enum status remove_place(const struct open_place *open, struct error *err)
{
    CLEANUP(fd_closep) int fd = openat(open->around, open->beside, DIRECTORY_FLAGS);
    if (fd < 0 && errno == ENOENT)
        return STATUS_OK;
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", open->beside);
    if (tree_remove_contents(fd, err) != STATUS_OK)
        return error_status(err);
    if (unlinkat(open->around, open->beside, AT_REMOVEDIR) != 0)
        return FAIL_ERRNO(err, "remove '%s'", open->beside);
    return STATUS_OK;
}

enum step { STEP_SWAP, STEP_BACK, STEP_REMOVE };

static enum status step_inside(const struct open_place *open, enum step step, struct error *err)
{
    CLEANUP(fd_closep) int fd = openat(open->around, open->beside, DIRECTORY_FLAGS);
    if (fd < 0 && errno == ENOENT && step == STEP_BACK)
        return STATUS_OK;
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", open->beside);
    return step == STEP_SWAP ? swap_inside(open->around, fd, err)
                             : back_inside(open->around, fd, err);
}

static enum status run_step(const struct undo_place *place, const char *job, enum step step,
                            struct error *err)
{
    struct open_place open = {.around = -1};
    enum status status = open_around(place, job, &open, err);
    if (status == STATUS_NOT_FOUND && step != STEP_SWAP)
        return STATUS_OK; /* not even the directory around is there */
    if (status == STATUS_OK && step == STEP_REMOVE)
        status = remove_place(&open, err);
    else if (status == STATUS_OK && place->inside)
        status = step_inside(&open, step, err);
    else if (status == STATUS_OK)
        status =
            step == STEP_SWAP ? swap_beside(place, &open, err) : back_beside(place, &open, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}

enum status undo_place_swap(const struct undo_place *place, const char *job, struct error *err)
{
    return run_step(place, job, STEP_SWAP, err);
}

enum status undo_place_back(const struct undo_place *place, const char *job, struct error *err)
{
    return run_step(place, job, STEP_BACK, err);
}

enum status undo_place_remove(const struct undo_place *place, const char *job, struct error *err)
{
    return run_step(place, job, STEP_REMOVE, err);
}
