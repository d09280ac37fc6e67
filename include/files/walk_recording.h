/*
 * Trail: what a walk has seen, for a second one over the same volume, which then neither lists
 * directories nor looks at their entries again.
 *
 * Steps     in the order of the walk: the volume, then entries; behind what is in a directory, that
 *           it was left. Where a walk has to look for itself (a mount point, a failure) there is
 *           only the name.
 * Trust     names hold for a directory that has not changed since: the second walk opens each, and
 *           compares. What is said of an entry is as old as the trail; a file that is read is
 *           looked at again when it is opened.
 * Memory    73 bytes and the name for each entry, up to the limit: there the trail ends, and the
 *           second walk goes on by itself.
 */
#ifndef FILES_WALK_RECORDING_H
#define FILES_WALK_RECORDING_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum trail_kind {
    TRAIL_END,   /* no more is known */
    TRAIL_ENTRY, /* a directory, too: what is in it follows */
    TRAIL_LOOK,  /* there was something of this name */
    TRAIL_LEAVE, /* back in the directory above */
};

struct trail_step {
    enum trail_kind kind;
    const char *name; /* until the trail's end */
    struct stat info; /* TRAIL_ENTRY; of the device and the others, what a backup keeps */
};

struct trail {
    struct buffer steps;
    size_t at;      /* of the second walk */
    bool is_closed; /* one step did not fit: no other is added */
};

void trail_init(struct trail *trail, size_t max);
void trail_done(struct trail *trail); /* all zeros is fine */

/* False: it is full, or was before. */
bool trail_add_entry(struct trail *trail, const char *name, const struct stat *info);
void trail_add_look(struct trail *trail, const char *name);
void trail_add_leave(struct trail *trail);

/* The next step. */
void trail_next(struct trail *trail, struct trail_step *ret_step);
/* Past all that is in the directory that was the last step, and its end. */
void trail_skip(struct trail *trail);

#endif
