/*
 * Tree stack: the directories from the root of the backup down to where the upload is, each with a
 * tree that is still being written. A directory is finished when the upload leaves it.
 */
#ifndef BACKUP_TREE_STACK_H
#define BACKUP_TREE_STACK_H

#include "core/error.h"
#include "repository/tree.h"

#include <stddef.h>

struct tree_stack {
    struct repository *repository; /* borrowed */
    struct tree_writer **writers;
    size_t depth, capacity;
};

/* Begins the tree of the root. */
enum status tree_stack_init(struct tree_stack *stack, struct repository *repository,
                            struct error *err) MUST_CHECK;
void tree_stack_done(struct tree_stack *stack); /* all zeros is fine */

/* Goes one directory down. */
enum status tree_stack_enter(struct tree_stack *stack, struct error *err) MUST_CHECK;
/* Adds an entry to the directory that the upload is in; names must ascend. */
enum status tree_stack_add(struct tree_stack *stack, const struct tree_node *node,
                           struct error *err) MUST_CHECK;
/* Adds an entry whose node is there as text. */
enum status tree_stack_add_text(struct tree_stack *stack, const char *name, const char *text,
                                size_t len, struct error *err) MUST_CHECK;
/* Goes one directory up: saves the tree and adds the node, which is completed with it. */
enum status tree_stack_leave(struct tree_stack *stack, struct tree_node *node, struct error *err)
    MUST_CHECK;
/* Saves the tree of the root. Nothing can be added any more. */
enum status tree_stack_finish(struct tree_stack *stack, struct blob_id *ret_root, struct error *err)
    MUST_CHECK;

#endif
