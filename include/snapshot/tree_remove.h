/*
 * Removing trees: at any depth, following no symbolic link and entering no mount point.
 *
 * Left      what cannot be removed (immutable, append-only, mounted on, somebody else's) does not
 *           keep the rest from going: all is tried, and the failure counts what stays and names the
 *           first. A directory that is closed to its owner, who we are, is opened.
 * Trust     each directory is reached from the one above it, by its descriptor. One that somebody
 *           moves meanwhile is emptied where it is, or stays; nothing above the top is touched.
 * Limits    TREE_REMOVE_OPEN_MAX descriptors; the memory of the names of the directories that are
 *           still to be entered
 * Errors    that of the first entry that stays; NO_MEMORY ends it at once
 */
#ifndef SNAPSHOT_TREE_REMOVE_H
#define SNAPSHOT_TREE_REMOVE_H

#include "core/error.h"

enum { TREE_REMOVE_OPEN_MAX = 16 };

/* Empties a directory. */
enum status tree_remove_contents(int top_fd, struct error *err) MUST_CHECK;

/* Removes a directory with what is in it; that it does not exist is success. */
enum status tree_remove(int parent_fd, const char *name, struct error *err) MUST_CHECK;

#endif
