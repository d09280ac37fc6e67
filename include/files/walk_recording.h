/*
 * Walk recording: what a walk has seen, for a second one over the same volume, which then neither
 * lists directories nor looks at their entries again.
 *
 * Steps     in the order of the walk: the volume, then entries; behind what is in a directory, that
 *           it was left. Where a walk has to look for itself (a mount point, a failure) there is
 *           only the name.
 * Trust     names hold for a directory that has not changed since: the second walk opens each, and
 *           compares. What is said of an entry is as old as the recording; a file that is read is
 *           looked at again when it is opened.
 * Memory    73 bytes and the name for each entry, up to the limit: there the recording ends, and
 *           the second walk goes on by itself.
 */
#ifndef FILES_WALK_RECORDING_H
#define FILES_WALK_RECORDING_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum recording_kind {
    RECORDING_END,   /* no more is known */
    RECORDING_ENTRY, /* a directory, too: what is in it follows */
    RECORDING_LOOK,  /* there was something of this name */
    RECORDING_LEAVE, /* back in the directory above */
};

struct recording_step {
    enum recording_kind kind;
    const char *name; /* until the recording's end */
    struct stat info; /* RECORDING_ENTRY; of the device and the others, what a backup keeps */
};

struct walk_recording {
    struct buffer steps;
    size_t at;      /* of the second walk */
    bool is_closed; /* one step did not fit: no other is added */
};

void walk_recording_init(struct walk_recording *recording, size_t max);
void walk_recording_done(struct walk_recording *recording); /* all zeros is fine */

/* False: it is full, or was before. */
bool walk_recording_add_entry(struct walk_recording *recording, const char *name,
                              const struct stat *info);
void walk_recording_add_look(struct walk_recording *recording, const char *name);
void walk_recording_add_leave(struct walk_recording *recording);

/* The next step. */
void walk_recording_next(struct walk_recording *recording, struct recording_step *ret_step);
/* Past all that is in the directory that was the last step, and its end. */
void walk_recording_skip(struct walk_recording *recording);

#endif
