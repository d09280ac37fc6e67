/*
 * Pending: the directories that a walk has still to enter or to leave, newest first: a depth-first
 * walk without recursion and without a descriptor for each level.
 *
 * Limits    paths of PATH_MAX bytes; the memory of the directories seen and not yet entered
 */
#ifndef SNAPSHOT_PENDING_H
#define SNAPSHOT_PENDING_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum pending_step { PENDING_ENTER, PENDING_LEAVE };

struct pending_item {
    enum pending_step step;
    char *path; /* relative to the top, which is "." */
};

struct pending {
    struct pending_item *items;
    size_t count, capacity;
};

/* The path is "<directory>/<name>", or the directory itself if name is NULL. */
enum status pending_push(struct pending *pending, enum pending_step step, const char *directory,
                         const char *name, struct error *err) MUST_CHECK;

/* False: there are none. The caller frees item->path. */
bool pending_pop(struct pending *pending, struct pending_item *ret_item);

void pending_done(struct pending *pending); /* all zeros is fine */

#endif
