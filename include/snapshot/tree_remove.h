/* Removing trees: at any depth, following no symbolic link and entering no mount point. */
#ifndef SNAPSHOT_TREE_REMOVE_H
#define SNAPSHOT_TREE_REMOVE_H

#include "core/error.h"

/* Empties a directory. */
enum status tree_remove_contents(int top_fd, struct error *err) MUST_CHECK;

/* Removes a directory with what is in it; that it does not exist is success. */
enum status tree_remove(int parent_fd, const char *name, struct error *err) MUST_CHECK;

#endif
