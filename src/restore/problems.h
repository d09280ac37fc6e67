/*
 * Restore problems: what could not be restored, from any thread. The first few are named among the
 * state details, all are counted.
 */
#ifndef RESTORE_PROBLEMS_H
#define RESTORE_PROBLEMS_H

#include "core/error.h"

#include <jansson.h>

#include <pthread.h>
#include <stddef.h>

enum { RESTORE_PROBLEMS_NAMED_MAX = 16 };

enum restore_problem {
    PROBLEM_DAMAGED,    /* reason "data_damaged": its blobs are gone or not what was stored */
    PROBLEM_FILE,       /* "file_not_restored" */
    PROBLEM_ATTRIBUTES, /* "attributes_not_restored": it is there, but for some of these */
    PROBLEM_COUNT
};

struct restore_problems {
    pthread_mutex_t mutex;
    size_t count[PROBLEM_COUNT];
    size_t named, told; /* in texts; told: among the details */

    struct {
        enum restore_problem kind;
        struct error cause;
    } texts[RESTORE_PROBLEMS_NAMED_MAX];
};

void restore_problems_init(struct restore_problems *problems);
void restore_problems_done(struct restore_problems *problems);

void restore_problems_add(struct restore_problems *problems, enum restore_problem kind,
                          const char *path, const struct error *cause);

/* How many entries are missing or not whole. */
size_t restore_problems_missing(struct restore_problems *problems);

/* Adds what is new to the details; for the thread that owns them. */
void restore_problems_tell(struct restore_problems *problems, json_t *details);

/* Adds one entry, reason "files_skipped", for those that were not named; called at the end. */
void restore_problems_finish(struct restore_problems *problems, json_t *details);

/* OK, or the failure that says how many are missing, and names the first. */
enum status restore_problems_check(struct restore_problems *problems, struct error *err) MUST_CHECK;

#endif
