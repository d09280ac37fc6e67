/*
 * What the stages of one restore share.
 *
 *   restore.c          the stages in their order, with undo
 *   plan.c     trees -> what is to be made; directories, links, devices, empty files
 *   check.c    what is there already and is right
 *   content.c  blobs -> files
 *   finish.c   hard links, directories' attributes
 *   inplace.c  around these: hooks, places, new for old
 *   threads.c  the threads
 */
#ifndef RESTORE_JOB_H
#define RESTORE_JOB_H

#include "files/exclude.h"
#include "problems.h"
#include "tree.h"
#include "undo/operation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct restore_plan;

struct restore {
    struct operation operation;
    const struct restore_plan *plan; /* of what only restore.c looks at */
    unsigned threads;                /* as in the plan */
    struct exclude *include;         /* NULL: everything */
    struct blob_id root;             /* the snapshot's tree */
    struct restore_tree tree;
    struct restore_problems problems;
    int target_fd;
    int *place_fds; /* of operation.record.places, as far as they are open */
    size_t place_fd_count;
    atomic_uint_least64_t bytes_done;
    uint64_t bytes_total;
};

/* operation_describe_fn of a restore. */
void restore_describe(void *owner, struct work_report *report);

/* A failure that is not this one file's: of the disk, the bucket, the memory; or the end is asked
 * for. */
static inline bool restore_is_fatal(enum status status)
{
    return status_is_transient(status) || status == STATUS_CANCELED || status == STATUS_LOST;
}

/* Notes what is wrong with an entry (name NULL: a directory) and goes on; fails with what is fatal.
 */
enum status restore_note(struct restore *restore, enum restore_problem kind, uint32_t directory,
                         const char *name, const struct error *cause, struct error *err) MUST_CHECK;

/* Only once for each file, whatever many of its blobs tell. */
enum status restore_fail_file(struct restore *restore, struct restore_file *file,
                              enum restore_problem kind, const struct error *cause,
                              struct error *err) MUST_CHECK;

/* restore_threads: each item is worked on by some thread; the calling one reports. The first
 * failure ends it. make: a thread's own state, or NULL. */
struct restore_work {
    enum status (*make)(struct restore *restore, void *shared, void **ret_state, struct error *err);
    void (*release)(void *state);
    enum status (*item)(struct restore *restore, void *state, size_t item, struct error *err);
    void *shared;
    size_t count;
};

unsigned restore_thread_count(const struct restore *restore);
enum status restore_threads(struct restore *restore, const struct restore_work *work,
                            struct error *err) MUST_CHECK;

/* The trees of the snapshot below the path (NULL: all of it) into a root of this descriptor, whose
 * own attributes are those of the path. NOT_FOUND: no such directory in the snapshot. */
enum status restore_plan_tree(struct restore *restore, int fd, const char *path, struct error *err)
    MUST_CHECK;

/* Stages (undo/pipeline.h); their owner is the restore. */
enum status restore_check_files(void *owner, struct error *err) MUST_CHECK;
enum status restore_content(void *owner, struct error *err) MUST_CHECK;
enum status restore_finish(void *owner, struct error *err) MUST_CHECK;

/* A new file for the number's name, in the directory; replaces what is in the way. */
enum status restore_create(struct restore *restore, struct restore_file *file, int directory,
                           int *ret_fd, struct error *err) MUST_CHECK;
/* Makes room for an entry: removes a file of that name, or an empty directory. */
enum status restore_clear(int directory, const char *name, struct error *err) MUST_CHECK;
/* All that it has is written. */
enum status restore_complete(struct restore *restore, const struct restore_file *file, int fd,
                             struct error *err) MUST_CHECK;

#endif
