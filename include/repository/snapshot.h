/*
 * Repository snapshots: the small files that make a tree a backup.
 *
 * Tags      "appbackup" and "backup=<id>" mark ours; the record of a backup can be rebuilt from
 *           them.
 */
#ifndef REPOSITORY_SNAPSHOT_H
#define REPOSITORY_SNAPSHOT_H

#include "repository/repository.h"
#include "repository/snapshot_fields.h"

/* Flush first. Sets snapshot->id. */
enum status repository_save_snapshot(struct repository *repository,
                                     struct repository_snapshot *snapshot, struct error *err)
    MUST_CHECK;

/* Who sees snapshots, one by one. */
struct repository_snapshot_visitor {
    repository_snapshot_fn *seen;
    /* Sees what is wrong with one that cannot be read; the text begins with its name. */
    void (*unreadable)(void *context, const struct error *cause);
    void *context;
};

/* Shows each snapshot or what is wrong with it: none hides another. One that cannot be fetched now
 * is passed over, unless it is one of several; then the call fails for it at the end. A failure of
 * seen() ends it at once. */
enum status repository_visit_snapshots(struct repository *repository,
                                       const struct repository_snapshot_visitor *visitor,
                                       struct error *err) MUST_CHECK;

/* The same for those who need not know all: when all that can be read have been seen, the call fails
 * with what is wrong with the first of the others, and its name. */
enum status repository_list_snapshots(struct repository *repository, repository_snapshot_fn *seen,
                                      void *context, struct error *err) MUST_CHECK;

/* Is that a failure to read a snapshot, rather than to reach the bucket? */
bool repository_snapshot_is_unreadable(enum status status);

/* There may be one of this id that cannot be read. */
enum status repository_has_snapshot(struct repository *repository, const struct blob_id *id,
                                    bool *ret_there, struct error *err) MUST_CHECK;

/* Is it gone, or unreadable? Either is said after a second look. */
enum status repository_snapshot_is_lost(struct repository *repository, const struct blob_id *id,
                                        bool *ret_lost, struct error *err) MUST_CHECK;

/* Under an exclusive lock; it need not be readable. Removing what is not there is success. */
enum status repository_remove_snapshot(struct repository *repository, const struct blob_id *id,
                                       struct error *err) MUST_CHECK;

/* The snapshot with this tag, if any; of several the latest. One that cannot be read counts only if
 * none is found: it may be the one. */
enum status repository_find_snapshot(struct repository *repository, const char *tag,
                                     struct blob_id *ret_id, bool *ret_found, struct error *err)
    MUST_CHECK;

#endif
