/*
 * Carry: moves what an app's excludes leave out of its backups from a volume's old tree into the
 * one that was restored, by rename(2): it is not copied, however much it is.
 *
 * What      the topmost excluded entries: a directory goes with all that is in it. Sockets and what
 *           is not excluded stay in the old tree.
 * There     what the new tree has under the same path stays as it is: the backup held it. Of two
 *           directories the entries are carried which the new one does not have.
 * Parents   that the new tree does not have are made, with the attributes of the old ones.
 *           Directories that entries come into keep their times.
 * Left      what cannot be carried (the new tree has a file where a parent should be; an error)
 *           stays in the old tree, and the others are carried all the same.
 * Crash     begun again it goes on from what it finds. What it did is durable when it returns.
 * Trust     no symbolic link is followed, in either tree.
 */
#ifndef UNDO_CARRY_H
#define UNDO_CARRY_H

#include "core/error.h"
#include "files/exclude.h"

#include <stdbool.h>

struct carry_options {
    const char *volume; /* the path that the patterns see */
    const char *job;    /* id: names a directory in the making */
    const struct exclude *exclude;
    bool exclude_caches; /* as in a struct walk_options */
};

/* The two directories are of one file system and stay the caller's. A failure means that something
 * is left in the old tree, which must not be removed; it is the first one. */
enum status carry_excluded(const struct carry_options *options, int old_fd, int new_fd,
                           struct error *err) MUST_CHECK;

#endif
