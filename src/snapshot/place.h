/* Directories that somebody else may own: opened without following any symbolic link; and the one
 * that holds a snapshot: chosen, made, removed. */
#ifndef SNAPSHOT_PLACE_H
#define SNAPSHOT_PLACE_H

#include "core/error.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>

/* For reading its entries. Errors: INVALID with the real path if a symbolic link is on the way. */
enum status place_open_directory(const char *path, int *ret_fd, struct error *err) MUST_CHECK;

/* A directory below another, never through a symbolic link or a mount point. -1 and errno. */
int place_open_below(int top_fd, const char *path);

/* The next entry's name, borrowed, NULL after the last; "." and ".." are none. */
enum status place_next_entry(DIR *entries, const char **ret_name, struct error *err) MUST_CHECK;

/* "/a/b" of "/a/b/c"; "/" of "/a". */
void place_directory_of(const char *path, char directory[PATH_MAX]);

/* Is the directory above it part of the same mount? False for "/". */
enum status place_has_room_beside(const char *directory, bool *ret_room, struct error *err)
    MUST_CHECK;

/* Where the snapshot of this source goes: beside it, or else in it. FORBIDDEN if we may not. */
enum status place_choose(const char *source, const char *id, char root[PATH_MAX], struct error *err)
    MUST_CHECK;

enum status place_make(const char *root, int *ret_fd, struct error *err) MUST_CHECK;

/* With what is in it; that it does not exist is success. */
enum status place_remove(const char *root, struct error *err) MUST_CHECK;

#endif
