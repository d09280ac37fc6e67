/* What the stages of one backup share. */
#ifndef STAGE_CONTEXT_H
#define STAGE_CONTEXT_H

#include "bucket/object_store.h"
#include "parent.h"
#include "preparation.h"
#include "record.h"
#include "repository/repository.h"
#include "stage/backup.h"
#include "stage/exclude.h"
#include "walk.h"
#include "warnings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As compared with the parent; the others are new. */
struct tally {
    uint64_t all, changed, unmodified;
};

struct stage_context {
    const struct stage_plan *plan;
    struct stage_result *result;
    const char *stage; /* the one that runs */
    enum backup_state state;
    struct object_store *store;
    struct repository *repository;
    struct preparation preparation;
    bool locked;
    bool committed; /* the backup is in the repository: nothing can make it fail any more */
    bool confirm;   /* with the next report: see struct stage_report */
    struct exclude *exclude;
    struct undo_record record; /* what is owed; record.snapshots: one per volume, in their order */
    struct snapshot_plan *volumes; /* the same, for as long as they are read */
    size_t volume_count;
    bool is_planned;          /* volumes are known, for those who report */
    struct warnings warnings; /* among the details of the result's state */
    struct trail *trails;     /* one per volume, from discover to upload */
    char host[256];           /* this one's name */
    struct parent_choice parent;
    struct tally files, directories; /* uploaded */
    struct blob_id tree;
};

/* Tells the caller where the backup stands, and looks whether it may go on: cancelled, lock lost.
 */
enum status context_report(struct stage_context *context, struct error *err) MUST_CHECK;

/* The app's volumes: absolute, each once, none below another; none holds, or lies in, the directory
 * of the bucket or the undo directory, links resolved: INVALID, "configuration_invalid". */
enum status context_check_volumes(const struct app_definition *app,
                                  const struct bucket_definition *bucket,
                                  const char *undo_directory, size_t *ret_count, struct error *err)
    MUST_CHECK;

/* A walk over what was frozen of a volume, shown under its own path; options live as long. The
 * first one over it leaves a trail, which the second one (again) follows. */
enum status context_walk(const struct stage_context *context, size_t volume, bool again,
                         struct walk_options *options, struct walk **ret_walk, struct error *err)
    MUST_CHECK;

/* The bucket, at the app's repository. UNAVAILABLE, reason "bucket_unreachable": no such bucket now.
 */
enum status context_open_store(const struct work *work, struct object_store **ret_store,
                               struct error *err) MUST_CHECK;

/* The app's repository in the store, with the key that is known if it fits. */
enum status context_open_repository(const struct work *work, struct object_store *store,
                                    bool create, struct repository **ret_repository,
                                    struct error *err) MUST_CHECK;

#endif
