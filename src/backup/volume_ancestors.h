/*
 * Parents: the directories between the root of the backup and the volumes, each with its own real
 * metadata, as restic keeps them: of /srv/shop/data the nodes srv, shop, data.
 */
#ifndef BACKUP_VOLUME_ANCESTORS_H
#define BACKUP_VOLUME_ANCESTORS_H

#include "core/error.h"
#include "files/attributes.h"
#include "tree_stack.h"

#include <limits.h>

struct parents {
    struct branch *branch;         /* borrowed */
    struct attributes *attributes; /* borrowed */
    char path[PATH_MAX];           /* the directory that the branch is in: "" for the root */
};

/* Leaves and enters directories until the branch is in the one that holds this volume. Volumes come
 * in the order of parents_compare(), which is that of the finished tree. */
enum status parents_move_to(struct parents *parents, const char *volume, struct error *err)
    MUST_CHECK;

/* Leaves all of them. */
enum status parents_finish(struct parents *parents, struct error *err) MUST_CHECK;

/* Component by component, each by its bytes. */
int parents_compare(const char *left, const char *right);

#endif
