/*
 * Previous tree: the tree of an earlier backup, read forward in step with the walk of the new one,
 * so that what is unchanged need not be read again.
 *
 * Order     names are asked for in the order of their bytes, as a walk has them; a directory is
 *           entered where its name comes, and left.
 * Memory    one directory per level of depth; of a large one a window (repository/tree.h).
 * Damage    what cannot be read is as if it was not there: everything below is read anew. The first
 *           reason is kept for a warning.
 * Rules     restic's: a regular file with the same size, mtime, ctime and inode is unchanged. Of a
 *           file in a reflink copy they are those of its origin (snapshot_find_origin()). That it
 *           was not changed too late for its times to tell is for settled.h to say.
 */
#ifndef BACKUP_PREVIOUS_TREE_H
#define BACKUP_PREVIOUS_TREE_H

#include "core/cleanup.h"
#include "core/error.h"
#include "repository/snapshot.h"
#include "repository/tree.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Which of a repository's snapshots is read: the latest of this host with the same paths or,
 * without one, of the same app. */
struct previous_choice {
    const char *host; /* what is looked for; borrowed */
    const char *const *paths;
    const char *app_tag;
    bool found, same_paths; /* what was found so far */
    struct blob_id snapshot, tree;
    struct timespec time;
};

void previous_choice_consider(struct previous_choice *choice,
                              const struct repository_snapshot *snapshot);

struct previous_tree;

/* Opens the root of the tree. The repository is borrowed. Caller owns *ret_tree. */
enum status previous_tree_open(struct repository *repository, const struct blob_id *tree,
                               struct previous_tree **ret_tree, struct error *err) MUST_CHECK;
void previous_tree_close(struct previous_tree *previous); /* NULL is a no-op */
DEFINE_CLEANUP(struct previous_tree *, previous_tree_close)

/* The functions below take NULL for "no earlier backup": then nothing is ever found. */

/* The node of this name in the directory that we are in, until the next call; NULL: none. */
const struct tree_node *previous_tree_find(struct previous_tree *previous, const char *name);
/* Is the next entry just this file, as tree_reader_match() has it? Then it is passed. What it says
 * of the content may be taken over without another look at the node: it is unchanged by every rule.
 */
bool previous_tree_match(struct previous_tree *previous, const struct tree_node *node,
                         struct tree_node_text *ret_text);
/* Enters the directory of this name, or an empty one if there is none. */
enum status previous_tree_enter(struct previous_tree *previous, const char *name, struct error *err)
    MUST_CHECK;
/* Leaves the directory; previous_tree_find() still finds its node. */
void previous_tree_leave(struct previous_tree *previous);
/* Goes from the root to the directory that holds this absolute path. */
enum status previous_tree_move_to(struct previous_tree *previous, const char *path,
                                  struct error *err) MUST_CHECK;

/* Why something could not be read; status OK: nothing. */
const struct error *previous_tree_damage(const struct previous_tree *previous);

/* May what the node says of content and attributes be taken over? */
bool previous_tree_is_same(const struct tree_node *node, const struct stat *info);

#endif
