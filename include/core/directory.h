/*
 * Directories that somebody else may own: nothing is opened through a symbolic link, wherever on
 * the way it is.
 *
 * Errors    INVALID: not an absolute path, no directory, or, with reason symbolic_link, behind a
 *           link; the text names the real path
 * Source    openat2(2)
 */
#ifndef CORE_DIRECTORY_H
#define CORE_DIRECTORY_H

#include "core/attributes.h"
#include "core/error.h"

#include <dirent.h>
#include <stdbool.h>

enum directory_bounds {
    DIRECTORY_ANYWHERE,     /* absolute paths */
    DIRECTORY_BELOW,        /* not out of the directory at top_fd */
    DIRECTORY_ON_SAME_MOUNT /* below top_fd, and over no mount point */
};

/* Opens like openat(2), but fails with ELOOP if a symbolic link is on the way or at its end, and
 * with EXDEV if the way leads out of the bounds. O_CLOEXEC is always set. Returns -1 with errno. */
int directory_open_at(int top_fd, const char *path, int flags, enum directory_bounds bounds);

/* Opens a directory, for reading its entries or as top_fd. */
enum status directory_open(const char *path, int *ret_fd, struct error *err) MUST_CHECK;

/* Has it any entry besides this one (NULL: any at all)? */
enum status directory_has_more(int fd, const char *besides, bool *ret_more, struct error *err)
    MUST_CHECK;

/* Gives the directory's owner, if we are that, the right to read, search and change it; fd may be
 * O_PATH. False: he has it, or we are not. */
bool directory_open_up(int fd);

/* What chattr(1) forbids fails with EPERM or EACCES, as if a right were missing: "immutable, see
 * chattr(1)", or NULL if it is not that. */
const char *directory_why_fixed(int fd, const char *name, int error_number);

/* The next entry's name, borrowed, NULL after the last; "." and ".." are none. */
enum status directory_next(DIR *entries, const char **ret_name, struct error *err) MUST_CHECK;

#endif
