/*
 * Branch: the directories from the root of the backup down to where the upload is, each with a tree
 * that is still being written. A directory is finished when the upload leaves it.
 */
#ifndef BACKUP_TREE_STACK_H
#define BACKUP_TREE_STACK_H

#include "core/error.h"
#include "repository/tree.h"

#include <stddef.h>

struct branch {
    struct repository *repository; /* borrowed */
    struct tree_writer **writers;
    size_t depth, capacity;
};

/* With the root's tree begun. */
enum status branch_init(struct branch *branch, struct repository *repository, struct error *err)
    MUST_CHECK;
void branch_done(struct branch *branch); /* all zeros is fine */

/* One directory down. */
enum status branch_enter(struct branch *branch, struct error *err) MUST_CHECK;
/* Adds to the directory that the upload is in; ascending by name. */
enum status branch_add(struct branch *branch, const struct tree_node *node, struct error *err)
    MUST_CHECK;
/* The same for a node as text. */
enum status branch_add_text(struct branch *branch, const char *name, const char *text, size_t len,
                            struct error *err) MUST_CHECK;
/* One directory up: saves the tree and adds the node, which is completed with it. */
enum status branch_leave(struct branch *branch, struct tree_node *node, struct error *err)
    MUST_CHECK;
/* Saves the root's tree. Nothing can be added any more. */
enum status branch_finish(struct branch *branch, struct blob_id *ret_root, struct error *err)
    MUST_CHECK;

#endif
