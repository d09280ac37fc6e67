/* What a snapshot says about a backup, as it is saved and as it is read. */
#ifndef REPOSITORY_SNAPSHOT_FIELDS_H
#define REPOSITORY_SNAPSHOT_FIELDS_H

#include "core/error.h"
#include "repository/blob_id.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Pointers are borrowed: by save until it returns, from list during the callback. */
struct repository_snapshot {
    struct blob_id id; /* set by list and save */
    struct timespec time;
    struct blob_id tree;
    const char *const *paths; /* NULL-terminated */
    const char *hostname;
    const char *username;
    const char *const *tags;     /* NULL-terminated, may be NULL when saved */
    const char *const *excludes; /* the same */
    /* For the summary; changed and unmodified as compared with the parent, the others are new. */
    uint64_t files, directories, bytes;
    bool tells_bytes; /* of one that is listed; a restic before 0.17 does not */
    uint64_t files_changed, files_unmodified, directories_changed, directories_unmodified;
    bool has_parent; /* the snapshot whose tree was the one to compare with */
    struct blob_id parent;
};

typedef enum status repository_snapshot_fn(void *context,
                                           const struct repository_snapshot *snapshot,
                                           struct error *err);

#endif
