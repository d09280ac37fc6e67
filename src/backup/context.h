/* Context: what the stages of one backup share. */
#ifndef BACKUP_CONTEXT_H
#define BACKUP_CONTEXT_H

#include "access/tags.h"
#include "files/exclude.h"
#include "files/walk.h"
#include "previous_tree.h"
#include "undo/operation.h"
#include "warnings.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of a backup, as they are counted: beyond it neither Redis nor who reads JSON counts
 * exactly. */
#define BACKUP_BYTES_MAX (INT64_C(1) << 53)

/* How many entries were uploaded, compared with the earlier backup. The others are new. */
struct tally {
    uint64_t all, changed, unmodified;
};

/* What discover begins in the repository. */
struct index_and_lock {
    pthread_t thread; /* loads the index */
    bool running;     /* and not joined yet */
    struct error failure;
};

struct backup_context {
    struct operation operation; /* its record.snapshots: one per volume, in their order */
    struct tag_words words;
    size_t threads;
    int64_t unseen_ms;
    enum backup_state state;
    bool is_found; /* the backup is in the repository already, from an earlier attempt */
    struct index_and_lock index_and_lock; /* from discover to upload */
    struct exclude *exclude;
    struct snapshot_plan *volumes; /* as in the record, for as long as they are read */
    struct gaps *gaps;             /* one per volume: what its copy has gaps for */
    size_t volume_count;
    bool is_planned;                   /* volumes are known, for those who report */
    struct warnings warnings;          /* among the details of the result's state */
    struct walk_recording *recordings; /* one per volume, from discover to upload */
    char host[256];                    /* the name of this host */
    struct previous_choice previous;
    struct tally files, directories;
    struct blob_id tree;
};

#endif
