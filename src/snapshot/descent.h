/*
 * Descent: the way down a tree and, side by side with it, down its copy: directory by directory,
 * without recursion, each reached from the one above it by its descriptor.
 *
 * Depth     the top and the last few directories are open; one above those is opened again on the
 *           way back, from the one below it, and must be the same one. Of the tree somebody may have
 *           moved it: then it is looked for by its name, and is lost (from_fd -1) if that fails.
 * Trust     no symbolic link is followed, no mount point entered
 * Limits    DESCENT_OPEN_MAX directories of each side; DESCENT_PATH_MAX bytes below the top; the
 *           memory of the names of directories that are noted and not yet entered
 */
#ifndef SNAPSHOT_DESCENT_H
#define SNAPSHOT_DESCENT_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { DESCENT_OPEN_MAX = 8, DESCENT_PATH_MAX = 1 << 20 };

struct descent_identity {
    dev_t device;
    ino_t inode;
};

struct descent_level {
    int from_fd, to_fd; /* of the top they are borrowed */
    struct descent_identity from, to;
    size_t path_len;
    struct buffer later; /* names that are noted, each with its NUL */
    size_t next;         /* where the next one stands */
};

struct descent {
    struct descent_level *levels;
    size_t depth, capacity;
    struct buffer path; /* of the directory that it is in, below the top: "." for that itself */
};

/* Begins at the top. On failure nothing is to be released. */
enum status descent_init(struct descent *descent, int from_fd, int to_fd, struct error *err)
    MUST_CHECK;
void descent_done(struct descent *descent); /* all zeros is fine */

/* The directory that it is in. */
struct descent_level *descent_here(const struct descent *descent);
const char *descent_path(const struct descent *descent);

/* Notes a directory in this one, to be entered when all else is done. */
enum status descent_note(struct descent *descent, const char *name, struct error *err) MUST_CHECK;
/* The next that was noted, borrowed; NULL: there is none. */
const char *descent_next(struct descent *descent);

/* Enters the directory of this name; takes both descriptors, also on failure. TOO_LARGE: the path
 * is too long. */
enum status descent_enter(struct descent *descent, const char *name, int from_fd, int to_fd,
                          struct error *err) MUST_CHECK;
/* Goes back to the directory above; not from the top. */
enum status descent_leave(struct descent *descent, struct error *err) MUST_CHECK;

#endif
