#include "undo/place.h"

#include "core/cleanup.h"
#include "core/directory.h"
#include "core/path.h"
#include "core/point.h"
#include "files/attributes_set.h"
#include "files/listing.h"
#include "files/mounts.h"
#include "move.h"
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
    if (status == STATUS_OK && !place.inside)
        status = file_id_read(fd, &place.old, err);
    if (status == STATUS_OK)
        status = check_mounts(volume, err);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return FAIL_IN(err, "volume '%s'", volume);
    *ret_place = place;
    return STATUS_OK;
}

static enum status refuse(const char *name, struct error *err)
{
    return FAIL_REASON(err, STATUS_FORBIDDEN, REASON_FOREIGN_PLACE,
                       "'%s' is not what was there: left alone", name);
}

/* *ret_fd: -1 if there is none. */
static enum status open_if_there(int directory, const char *name, int *ret_fd, struct error *err)
{
    int fd = openat(directory, name, DIRECTORY_FLAGS);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return refuse(name, err);
    if (fd < 0 && errno != ENOENT)
        return FAIL_ERRNO(err, "open '%s'", name);
    *ret_fd = fd;
    return STATUS_OK;
}

/* Ours alone until it is finished. */
static enum status close_to_others(int fd, const char *name, struct error *err)
{
    attributes_drop_inherited(fd);
    return fchmod(fd, S_IRWXU) == 0 ? STATUS_OK : FAIL_ERRNO(err, "close '%s' to others", name);
}

/* In a directory that is closed to others. */
static enum status make_closed(int around, const char *name, int *ret_fd, struct error *err)
{
    if (mkdirat(around, name, S_IRWXU) != 0 && errno != EEXIST)
        return FAIL_ERRNO(err, "make '%s'", name);
    CLEANUP(fd_closep) int fd = openat(around, name, DIRECTORY_FLAGS);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", name);
    if (close_to_others(fd, name, err) != STATUS_OK)
        return error_status(err);
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static bool is_ours(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_uid == geteuid();
}

static bool is_ours_and_closed(int fd)
{
    struct stat info;
    return is_ours(fd) && fstat(fd, &info) == 0 && (info.st_mode & 07777) == S_IRWXU;
}

/* Is this what was made for the restore? An earlier version noted not even the inode before the
 * exchange. */
static bool is_made(const struct undo_place *place, int around, int fd)
{
    if (place->by_inode && place->made.inode == 0)
        return is_ours_and_closed(fd);
    return file_id_is_of(&place->made, around, fd);
}

/* Whoever owns the directory around may have put another one there meanwhile: ours is new. */
static enum status make_place(const struct open_place *open, int *ret_fd, struct error *err)
{
    if (mkdirat(open->around, open->beside, S_IRWXU) != 0)
        return FAIL_ERRNO(err, "make '%s'", open->beside);
    CLEANUP(fd_closep) int fd = openat(open->around, open->beside, DIRECTORY_FLAGS);
    if (fd < 0)
        return FAIL_ERRNO(err, "open '%s'", open->beside);
    bool filled = false;
    if (directory_has_more(fd, NULL, &filled, err) != STATUS_OK)
        return error_status(err);
    if (!is_ours(fd) || filled)
        return refuse(open->beside, err);
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

/* One that a crash has left before anybody noted it: nothing was restored into it yet. */
static enum status remove_unnoted(const struct open_place *open, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (open_if_there(open->around, open->beside, &fd, err) != STATUS_OK)
        return error_status(err);
    if (fd < 0)
        return STATUS_OK;
    (void)unlinkat(fd, place_new, AT_REMOVEDIR); /* only if it is empty: then it may be ours */
    if (unlinkat(open->around, open->beside, AT_REMOVEDIR) == 0)
        return STATUS_OK;
    return errno == ENOTEMPTY ? refuse(open->beside, err)
                              : FAIL_ERRNO(err, "remove '%s'", open->beside);
}

static enum status open_place(struct undo_place *place, const struct open_place *open, int *ret_fd,
                              struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (open_if_there(open->around, open->beside, &fd, err) != STATUS_OK)
        return error_status(err);
    bool noted = place->made.inode != 0 || place->by_inode;
    if (fd >= 0 && noted && !is_made(place, open->around, fd))
        return refuse(open->beside, err);
    if (fd < 0 || !noted) {
        fd_closep(&fd);
        fd = -1;
        if (remove_unnoted(open, err) != STATUS_OK || make_place(open, &fd, err) != STATUS_OK)
            return error_status(err);
    }
    if (close_to_others(fd, open->beside, err) != STATUS_OK ||
        file_id_read(fd, &place->made, err) != STATUS_OK)
        return error_status(err);
    place->by_inode = false;
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status open_new(struct undo_place *place, const struct open_place *open, int *ret_fd,
                            struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (open_place(place, open, &fd, err) != STATUS_OK)
        return error_status(err);
    if (place->inside)
        return make_closed(fd, place_new, ret_fd, err);
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

static enum status rename_in(int around, const char *from, const char *to, unsigned flags,
                             struct error *err)
{
    if (renameat2(around, from, around, to, flags) != 0)
        return FAIL_ERRNO(err, "rename '%s' to '%s'", from, to);
    return fsync(around) == 0 ? STATUS_OK : FAIL_ERRNO(err, "sync");
}

/* What has the two names. */
struct pair {
    int live, beside; /* -1: nothing */
};

static void pair_done(const struct pair *pair)
{
    fd_closep(&pair->live);
    fd_closep(&pair->beside);
}

static enum status open_pair(const struct open_place *open, struct pair *pair, struct error *err)
{
    if (open_if_there(open->around, open->live, &pair->live, err) != STATUS_OK)
        return error_status(err);
    return open_if_there(open->around, open->beside, &pair->beside, err);
}

static bool is_live(const struct undo_place *place, const struct open_place *open,
                    const struct pair *pair)
{
    return pair->live >= 0 && is_made(place, open->around, pair->live);
}

/* Is this what was exchanged, or is to be? Of an earlier version's record we only know that it
 * belonged to the same user as what was restored. */
static bool is_old(const struct undo_place *place, int around, int fd, int made_fd)
{
    struct stat info, made;
    if (!place->by_inode)
        return file_id_is_of(&place->old, around, fd);
    return fstat(fd, &info) == 0 && fstat(made_fd, &made) == 0 && info.st_uid == made.st_uid &&
           info.st_dev == made.st_dev;
}

static enum status swap_pair(const struct undo_place *place, const struct open_place *open,
                             const struct pair *pair, struct error *err)
{
    if (is_live(place, open, pair))
        return STATUS_OK;
    if (pair->beside < 0 || !is_made(place, open->around, pair->beside))
        return FAIL(err, STATUS_CONFLICT, "'%s' is not what was restored", open->beside);
    bool as_planned = pair->live < 0 ? place->old.inode == 0
                                     : is_old(place, open->around, pair->live, pair->beside);
    if (!as_planned)
        return FAIL(err, STATUS_CONFLICT, "'%s' was replaced while it was being restored",
                    open->live);
    return rename_in(open->around, open->beside, open->live,
                     pair->live < 0 ? RENAME_NOREPLACE : RENAME_EXCHANGE, err);
}

/* Names may change between the look and the exchange. */
static enum status check_swapped(const struct undo_place *place, const struct open_place *open,
                                 struct error *err)
{
    CLEANUP(pair_done) struct pair now = {-1, -1};
    if (open_pair(open, &now, err) != STATUS_OK)
        return error_status(err);
    if (is_live(place, open, &now))
        return STATUS_OK;
    (void)renameat2(open->around, open->beside, open->around, open->live, RENAME_EXCHANGE);
    return FAIL(err, STATUS_CONFLICT, "'%s' was replaced while it was exchanged", open->beside);
}

static enum status swap_beside(const struct undo_place *place, const struct open_place *open,
                               struct error *err)
{
    CLEANUP(pair_done) struct pair pair = {-1, -1};
    if (open_pair(open, &pair, err) != STATUS_OK || swap_pair(place, open, &pair, err) != STATUS_OK)
        return error_status(err);
    return check_swapped(place, open, err);
}

/* What is live stays so, rather than that nothing is. */
static enum status back_beside(const struct undo_place *place, const struct open_place *open,
                               struct error *err)
{
    CLEANUP(pair_done) struct pair pair = {-1, -1};
    if (place->made.inode == 0)
        return STATUS_OK;
    if (open_pair(open, &pair, err) != STATUS_OK)
        return error_status(err);
    if (!is_live(place, open, &pair))
        return STATUS_OK;
    bool had_old = place->by_inode ? pair.beside >= 0 : place->old.inode != 0;
    if (had_old && (pair.beside < 0 || !is_old(place, open->around, pair.beside, pair.live)))
        return FAIL(err, STATUS_CONFLICT, "the old data is not in '%s' any more", open->beside);
    if (!had_old && pair.beside >= 0)
        return refuse(open->beside, err);
    return rename_in(open->around, open->live, open->beside,
                     had_old ? RENAME_EXCHANGE : RENAME_NOREPLACE, err);
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
        if (move_entry(from, name, to, name) != 0)
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

static enum status open_both_beside(const struct undo_place *place, const struct open_place *open,
                                    int *ret_old_fd, int *ret_new_fd, struct error *err)
{
    CLEANUP(pair_done) struct pair pair = {-1, -1};
    if (open_pair(open, &pair, err) != STATUS_OK)
        return error_status(err);
    if (pair.beside < 0 && place->old.inode == 0)
        return STATUS_OK;
    if (!is_live(place, open, &pair))
        return FAIL(err, STATUS_CONFLICT, "it is not what was restored");
    if (pair.beside < 0 || !is_old(place, open->around, pair.beside, pair.live))
        return FAIL(err, STATUS_CONFLICT, "'%s' is not the old data", open->beside);
    *ret_old_fd = STEAL_FD(pair.beside);
    *ret_new_fd = STEAL_FD(pair.live);
    return STATUS_OK;
}

static enum status open_both_inside(const struct undo_place *place, struct open_place *open,
                                    int *ret_old_fd, int *ret_new_fd, struct error *err)
{
    CLEANUP(fd_closep) int beside = -1;
    CLEANUP(fd_closep) int old = -1;
    if (open_if_there(open->around, open->beside, &beside, err) != STATUS_OK)
        return error_status(err);
    if (beside >= 0 && !is_made(place, open->around, beside))
        return refuse(open->beside, err);
    if (beside >= 0 && open_if_there(beside, place_old, &old, err) != STATUS_OK)
        return error_status(err);
    if (old < 0)
        return STATUS_OK;
    *ret_new_fd = STEAL_FD(open->around);
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
        status = place->inside ? open_both_inside(place, &open, ret_old_fd, ret_new_fd, err)
                               : open_both_beside(place, &open, ret_old_fd, ret_new_fd, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}

/* Inside, the place is ours, whatever is in it. */
static bool may_remove(const struct undo_place *place, const struct open_place *open,
                       enum undo_place_side side, int fd)
{
    if (place->inside || side == UNDO_PLACE_MADE)
        return is_made(place, open->around, fd);
    CLEANUP(fd_closep) int live = openat(open->around, open->live, DIRECTORY_FLAGS);
    return is_old(place, open->around, fd, live);
}

static enum status remove_place(const struct undo_place *place, const struct open_place *open,
                                enum undo_place_side side, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (side == UNDO_PLACE_MADE && place->made.inode == 0 && !place->by_inode)
        return remove_unnoted(open, err);
    if (open_if_there(open->around, open->beside, &fd, err) != STATUS_OK)
        return error_status(err);
    if (fd < 0)
        return STATUS_OK;
    if (!may_remove(place, open, side, fd))
        return refuse(open->beside, err);
    if (tree_remove_contents(fd, err) != STATUS_OK)
        return FAIL_IN(err, "'%s'", open->beside);
    if (unlinkat(open->around, open->beside, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return FAIL_ERRNO(err, "remove '%s'", open->beside);
    return STATUS_OK;
}

static enum status open_noted(const struct undo_place *place, const struct open_place *open,
                              int *ret_fd, struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (open_if_there(open->around, open->beside, &fd, err) != STATUS_OK)
        return error_status(err);
    if (fd >= 0 && !is_made(place, open->around, fd))
        return refuse(open->beside, err);
    *ret_fd = STEAL_FD(fd);
    return STATUS_OK;
}

static enum status swap_place(const struct undo_place *place, const struct open_place *open,
                              struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (!place->inside)
        return swap_beside(place, open, err);
    if (open_noted(place, open, &fd, err) != STATUS_OK)
        return error_status(err);
    return fd >= 0 ? swap_inside(open->around, fd, err)
                   : FAIL(err, STATUS_CONFLICT, "'%s' is gone", open->beside);
}

static enum status back_place(const struct undo_place *place, const struct open_place *open,
                              struct error *err)
{
    CLEANUP(fd_closep) int fd = -1;
    if (!place->inside)
        return back_beside(place, open, err);
    if (open_noted(place, open, &fd, err) != STATUS_OK)
        return error_status(err);
    return fd >= 0 ? back_inside(open->around, fd, err) : STATUS_OK;
}

enum status undo_place_swap(const struct undo_place *place, const char *job, struct error *err)
{
    struct open_place open = {.around = -1};
    enum status status = open_around(place, job, &open, err);
    if (status == STATUS_OK)
        status = swap_place(place, &open, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}

/* For what follows: where not even the directory around is there, there is nothing to do. */
enum status undo_place_back(const struct undo_place *place, const char *job, struct error *err)
{
    struct open_place open = {.around = -1};
    enum status status = open_around(place, job, &open, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = back_place(place, &open, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}

enum status undo_place_remove(const struct undo_place *place, const char *job,
                              enum undo_place_side side, struct error *err)
{
    struct open_place open = {.around = -1};
    enum status status = open_around(place, job, &open, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK)
        status = remove_place(place, &open, side, err);
    fd_closep(&open.around);
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "volume '%s'", place->volume);
}
