/*
 * Job: what the stages of one restore share.
 *
 *   restore.c  the stages in their order, with undo
 *   plan.c     reads the trees and makes directories, links, devices and empty files
 *   check.c    finds what is there already and is right
 *   content.c  writes blobs into files
 *   finish.c   makes hard links, sets the attributes of directories
 *   inplace.c  around these: hooks, places, the exchange of new for old
 *   room.c     whether that fits, before anything is begun
 *   target.c   the directory to restore into, which must be empty
 *   threads.c  the threads of check and content
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
    const struct restore_plan *plan; /* only restore.c looks at it */
    unsigned threads;                /* as in the plan */
    struct exclude *include;         /* NULL: everything */
    bool any_included;
    struct blob_id root;     /* the snapshot's tree */
    uint64_t snapshot_bytes; /* as it says itself; 0: it does not */
    uint64_t snapshot_entries;
    bool room_is_sure; /* there was nothing that hooks could have changed */
    struct restore_tree tree;
    struct restore_problems problems;
    int target_fd;
    int *place_fds; /* of operation.record.places, as far as they are open */
    size_t place_fd_count;
    atomic_uint_least64_t bytes_done;
    uint64_t bytes_total;
};

/* The operation_describe_fn of a restore. */
void restore_describe(void *owner, struct work_report *report);

/* Does the failure concern more than one file (the disk, the bucket, the memory), or has the caller
 * asked for the end? */
static inline bool restore_is_fatal(enum status status)
{
    return status_is_transient(status) || status == STATUS_CANCELED || status == STATUS_LOST;
}

/* Notes what is wrong with an entry (name NULL: with the directory itself), and the restore goes
 * on. Fails with what is fatal. */
enum status restore_note(struct restore *restore, enum restore_problem kind, uint32_t directory,
                         const char *name, const struct error *cause, struct error *err) MUST_CHECK;

/* Notes that the file is not restored: once, however many of its blobs are missing. */
enum status restore_fail_file(struct restore *restore, struct restore_file *file,
                              enum restore_problem kind, const struct error *cause,
                              struct error *err) MUST_CHECK;

/* What restore_threads() does: each item is worked on by one of the threads, while the calling one
 * reports. The first failure ends it. make gives a thread its own state, which may be NULL. */
struct restore_work {
    enum status (*make)(struct restore *restore, void *shared, void **ret_state, struct error *err);
    void (*release)(void *state);
    enum status (*item)(struct restore *restore, void *state, size_t item, struct error *err);
    void *shared;
    size_t count;
};

/* As many as the plan says, or as there are processors. */
unsigned restore_thread_count(const struct restore *restore);
enum status restore_threads(struct restore *restore, const struct restore_work *work,
                            struct error *err) MUST_CHECK;

/* Plans the trees of the snapshot below the path (NULL: all of them) into the directory of the
 * descriptor, whose own attributes become those of the path. NOT_FOUND: there is no such directory
 * in the snapshot. */
enum status restore_plan_tree(struct restore *restore, int fd, const char *path, struct error *err)
    MUST_CHECK;

/* Stages (undo/operation.h); their owner is the restore. */
enum status restore_check_files(void *owner, struct error *err) MUST_CHECK;
enum status restore_content(void *owner, struct error *err) MUST_CHECK;
enum status restore_finish(void *owner, struct error *err) MUST_CHECK;

/* Makes an empty file in the directory and replaces what is in the way. */
enum status restore_create(struct restore *restore, struct restore_file *file, int directory,
                           int *ret_fd, struct error *err) MUST_CHECK;
/* Makes room for an entry: removes a file of that name, or an empty directory. */
enum status restore_clear(int directory, const char *name, struct error *err) MUST_CHECK;
/* Sets the attributes of a file whose content is written. */
enum status restore_complete(struct restore *restore, const struct restore_file *file, int fd,
                             struct error *err) MUST_CHECK;

#endif
