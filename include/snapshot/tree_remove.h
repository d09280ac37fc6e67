#ifndef SNAPSHOT_TREE_REMOVE_H
#define SNAPSHOT_TREE_REMOVE_H

#include "core/error.h"

/* Empties a directory, at any depth; follows no symbolic link and enters no mount point. */
enum status tree_remove_contents(int top_fd, struct error *err) MUST_CHECK;

#endif
