/*
 * Gaps: what a copy could not take over from the volume, and has an empty entry for. A file is to be
 * read in the volume itself; of a directory nothing is known.
 *
 * Limits    GAPS_MAX, GAPS_TOLD_MAX of them with their cause
 */
#ifndef SNAPSHOT_GAPS_H
#define SNAPSHOT_GAPS_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { GAPS_MAX = 1 << 20, GAPS_TOLD_MAX = 64 };

struct gap {
    ino_t inode;  /* of the entry in the copy */
    int64_t size; /* of the file in the volume, when it was copied */
    char *cause;  /* owned; NULL: it is not told, since many others are */
};

struct gaps {
    struct gap *list;
    size_t count, capacity;
};

void gaps_done(struct gaps *gaps); /* all zeros is fine: none */

/* TOO_LARGE: there are too many already. */
enum status gaps_add(struct gaps *gaps, ino_t inode, int64_t size, const struct error *cause,
                     struct error *err) MUST_CHECK;
/* Between the last gaps_add() and the first gaps_find(). */
void gaps_sort(struct gaps *gaps);
/* NULL: the entry is a copy like any other. */
const struct gap *gaps_find(const struct gaps *gaps, ino_t inode);

#endif
