/*
 * Volume ancestors: the directories between the root of the backup and the volumes, each with its
 * own real metadata, as restic keeps them: of /srv/shop/data the nodes srv, shop, data.
 */
#ifndef BACKUP_VOLUME_ANCESTORS_H
#define BACKUP_VOLUME_ANCESTORS_H

#include "core/error.h"
#include "files/attributes.h"
#include "tree_stack.h"

#include <limits.h>

struct volume_ancestors {
    struct tree_stack *stack;      /* borrowed */
    struct attributes *attributes; /* borrowed */
    char path[PATH_MAX];           /* the directory that the stack is in: "" for the root */
};

/* Leaves and enters directories until the stack is in the one that holds this volume. Volumes come
 * in the order of volume_ancestors_compare(), which is that of the finished tree. */
enum status volume_ancestors_move_to(struct volume_ancestors *ancestors, const char *volume,
                                     struct error *err) MUST_CHECK;

/* Leaves all directories. */
enum status volume_ancestors_finish(struct volume_ancestors *ancestors, struct error *err)
    MUST_CHECK;

/* Compares two paths component by component, each by its bytes. */
int volume_ancestors_compare(const char *left, const char *right);

#endif
