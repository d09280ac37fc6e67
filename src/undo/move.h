/* Moves of entries between directories whose owner may have closed them to himself. */
#ifndef UNDO_MOVE_H
#define UNDO_MOVE_H

/*
 * renameat2(2) with RENAME_NOREPLACE. A directory that is moved to another one is
 * written to itself: one without that right (0555, as in a cache of Go modules) and those on both
 * sides are opened to their owner, if that is who we are, as long as it takes. Returns -1 with
 * errno.
 */
int move_entry(int from, const char *name, int to, const char *new_name);

#endif
