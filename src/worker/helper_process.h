/*
 * Helper processes: functions that the supervisor runs in short-lived processes of their own, since
 * they may hang and it must not. A table says of each when it is due; a new helper is a row of it,
 * and a file with its function.
 *
 * Due       A helper runs when it is asked for, and from then on as its row says: again after
 *           routine_ms when all was well, after again_ms when it has failed. One that is asked for
 *           while it runs comes again as soon as it has ended. At most one of each kind runs.
 * Ends      One that is still there after deadline_ms is killed, and has failed. A helper dies with
 *           the supervisor, but for one that survives it. A supervisor that stops starts none.
 * Process   It has none of the supervisor's descriptors. Its exit code 0 says that all was well.
 * Units     *_ms are milliseconds, monotonic.
 */
#ifndef WORKER_HELPER_PROCESS_H
#define WORKER_HELPER_PROCESS_H

#include "node_config.h"
#include "service/cgroups.h"
#include "slots.h"
#include "system.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELPER_NEVER INT64_MAX

/* How long until a helper that could not be started is tried again. */
enum { HELPER_START_AGAIN_MS = 10000 };

/* Does the work of a helper; the result is the exit code of its process. */
typedef int helper_main_fn(const struct node_config *node);
/* Is there anything to do? */
typedef bool helper_needed_fn(const struct node_config *node, const struct slots *slots);

struct helper_kind {
    const char *name; /* of its log lines, and of its group */
    helper_main_fn *main;
    helper_needed_fn *is_needed; /* NULL: there may always be something to do */
    int64_t routine_ms;          /* HELPER_NEVER: only when it is asked for */
    int64_t again_ms;            /* HELPER_NEVER: it is not repeated */
    int64_t deadline_ms;         /* HELPER_NEVER: it may take its time */
    bool at_start;               /* it is asked for when the supervisor starts */
    bool needs_redis;            /* it is not started while Redis is away */
    bool survives;               /* it goes on when the supervisor dies, in a group of its own */
};

enum helper_id { HELPER_RECOVERY, HELPER_PROBE, HELPER_CATALOG, HELPER_LEFTOVERS, HELPER_COUNT };

extern const struct helper_kind helper_kinds[HELPER_COUNT];

struct helper {
    const struct helper_kind *kind;
    pid_t pid;       /* 0: none runs */
    int64_t due_ms;  /* 0: it is asked for */
    int64_t kill_ms; /* of the one that runs */
};

/* What the helpers work on. All is borrowed. */
struct helper_terms {
    const struct worker_system *system;
    const struct node_config *node;
    const struct slots *slots;
    const struct cgroups *cgroups; /* NULL: there are no groups */
    bool needs_redis; /* the helpers that are meant: those that need it, or the others */
    bool stopping;    /* none is started any more */
};

void helper_init(struct helper *helper, const struct helper_kind *kind);

/* Makes it due at once. */
void helper_ask(struct helper *helper);

/* Kills what is overdue and starts what is due. */
void helpers_run(struct helper *helpers, size_t count, const struct helper_terms *terms);

/* Takes note of those that have ended. */
void helpers_reap(struct helper *helpers, size_t count, const struct worker_system *system);

/* The functions of the table, each in a file of its own: helper_<subject>.c. */
helper_main_fn helper_recover, helper_probe_buckets, helper_compare_catalog, helper_clean_leftovers;
helper_needed_fn helper_probe_is_needed, helper_leftovers_may_exist;

#endif
