/*
 * Place: where a volume is restored before it takes its place, and how the two are exchanged.
 *
 * Beside    <parent>/.<name>.appbackup-restore-<job>: one rename(2) exchanges them (or moves the
 *           new one in, where there was no volume). Which of the two is live is told by the inode
 *           of the new one, which stands in the record.
 * Inside    <volume>/.appbackup-<job>-0/, for a volume that cannot be renamed:
 *             new   being restored; the volume's entries are the old ones, some of them in old/
 *             in    from the moment on when all the old ones are in old/: the volume's entries are
 *                   new ones, the others still in here
 *             done  all of them are out of it
 *           lost+found and snapshots of ours are left where they are.
 * Crash     each function goes on from whatever it finds; after a crash the last one that was
 *           called is called again, or undo_place_back().
 * Trust     as snapshot/snapshot.h: no symbolic link is followed.
 */
#ifndef UNDO_PLACE_H
#define UNDO_PLACE_H

#include "core/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNDO_PLACE_SHOWN_MAX = PATH_MAX + 64 };

struct undo_place {
    char volume[PATH_MAX];
    bool inside;
    uint64_t inode; /* beside: of the new one; 0: not made yet */
};

/* How the volume can be exchanged. INVALID: no directory; CONFLICT, "mount_below": something is
 * mounted below it. */
enum status undo_place_plan(const char *volume, struct undo_place *ret_place, struct error *err)
    MUST_CHECK;

/* The directory to restore into, made if it is not there; sets the inode. */
enum status undo_place_open(struct undo_place *place, const char *job, int *ret_fd,
                            struct error *err) MUST_CHECK;

/* Puts the new in the place of the old. */
enum status undo_place_swap(const struct undo_place *place, const char *job, struct error *err)
    MUST_CHECK;
/* Puts the old back in its place: as before undo_place_swap(), however far that came. */
enum status undo_place_back(const struct undo_place *place, const char *job, struct error *err)
    MUST_CHECK;
/* Opens the old directory and the new one, once undo_place_swap() is done; -1 twice if there is no
 * old one. CONFLICT: what is live is not what was restored. */
enum status undo_place_open_both(const struct undo_place *place, const char *job, int *ret_old_fd,
                                 int *ret_new_fd, struct error *err) MUST_CHECK;
/* Where the old one is after undo_place_swap(), for people. */
void undo_place_show_old(const struct undo_place *place, const char *job, char *text, size_t size);
/* Removes what is not live: the old after a swap, otherwise the new. */
enum status undo_place_remove(const struct undo_place *place, const char *job, struct error *err)
    MUST_CHECK;

#endif
