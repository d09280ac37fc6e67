/*
 * The directory that holds a snapshot: chosen, made, removed.
 *
 * Mark      an empty file in it that bears the name of the place. Whoever owns the directory around
 *           can give that name to another directory of ours, such as the place of another backup,
 *           but cannot put the mark into it.
 */
#ifndef SNAPSHOT_PLACE_H
#define SNAPSHOT_PLACE_H

#include "core/error.h"

#include <limits.h>
#include <stdbool.h>

/* "/a/b" of "/a/b/c"; "/" of "/a". */
void place_directory_of(const char *path, char directory[PATH_MAX]);

/* Is the directory above it part of the same mount? False for "/". */
enum status place_has_room_beside(const char *directory, bool *ret_room, struct error *err)
    MUST_CHECK;

/* Where the snapshot of this source goes: beside it, or else in it. FORBIDDEN if we may not. */
enum status place_choose(const char *source, const char *id, char root[PATH_MAX], struct error *err)
    MUST_CHECK;

enum status place_make(const char *root, int *ret_fd, struct error *err) MUST_CHECK;

/* Removes the copy from a place. */
typedef enum status place_empty_fn(int place_fd, struct error *err);

/* With what is in it; that it does not exist is success. FORBIDDEN, "foreign_place": it is not the
 * one that was made. unmarked: it may have been made by a version that left no mark. */
enum status place_remove(const char *root, bool unmarked, place_empty_fn *empty, struct error *err)
    MUST_CHECK;

#endif
