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
 * Whose     what is exchanged, carried from or removed is the very directory that was there when the
 *           restore was planned, or that was made for it: names are compared with what was noted
 *           of them (core/file_id.h), by descriptor. Another one that has got the name is left
 *           alone: FORBIDDEN, "foreign_place".
 * Crash     each function goes on from whatever it finds; after a crash the last one that was
 *           called is called again, or undo_place_back().
 * Trust     as snapshot/snapshot.h: no symbolic link is followed.
 */
#ifndef UNDO_PLACE_H
#define UNDO_PLACE_H

#include "core/error.h"
#include "core/file_id.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNDO_PLACE_SHOWN_MAX = PATH_MAX + 64 };

struct undo_place {
    char volume[PATH_MAX];
    bool inside;
    struct file_id made; /* beside: the new one; inside: the place; none: not made yet */
    struct file_id old;  /* beside: what is to be exchanged; none: there was no volume */
    bool by_inode; /* of a record that an earlier version wrote, which had no more than the inode
                      of the new one beside: the owner tells whose the others are */
};

/* What is to be removed. */
enum undo_place_side {
    UNDO_PLACE_MADE, /* what was made and is not live */
    UNDO_PLACE_OLD   /* what has been replaced */
};

/* How the volume can be exchanged, and what is there now. INVALID: no directory; CONFLICT, "mount_below": something is
 * mounted below it. */
enum status undo_place_plan(const char *volume, struct undo_place *ret_place, struct error *err)
    MUST_CHECK;

/* The directory to restore into, made if it is not there; notes what was made. CONFLICT: something
 * else has its name. */
enum status undo_place_open(struct undo_place *place, const char *job, int *ret_fd,
                            struct error *err) MUST_CHECK;

/* Puts the new in the place of the old. CONFLICT: the volume is not the one that was planned for. */
enum status undo_place_swap(const struct undo_place *place, const char *job, struct error *err)
    MUST_CHECK;
/* Puts the old back in its place: as before undo_place_swap(), however far that came. */
enum status undo_place_back(const struct undo_place *place, const char *job, struct error *err)
    MUST_CHECK;
/* Opens the old directory and the new one, once undo_place_swap() is done; -1 twice if there was no
 * old one. CONFLICT: what is live is not what was restored, or the old one is not where it was put.
 */
enum status undo_place_open_both(const struct undo_place *place, const char *job, int *ret_old_fd,
                                 int *ret_new_fd, struct error *err) MUST_CHECK;
/* Where the old one is after undo_place_swap(), for people. */
void undo_place_show_old(const struct undo_place *place, const char *job, char *text, size_t size);
/* That it is not there is success. As snapshot/tree_remove.h, all is removed that can be. */
enum status undo_place_remove(const struct undo_place *place, const char *job,
                              enum undo_place_side side, struct error *err) MUST_CHECK;

#endif
