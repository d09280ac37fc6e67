/*
 * One backup, from the application's files to a snapshot in the repository, with undo.
 *
 * Order     pre-backup hooks, pre-snapshot hooks, snapshot, post-snapshot hooks, walk (totals),
 * upload, commit, post-backup hooks. The application is frozen only between pre- and post-snapshot.
 * Undo      before the first hook starts, what it takes to unwind is written durably to the undo
 *           directory (stage/undo.h); whatever dies, stage_undo_all() runs it.
 * Soft      a failing hook does not end the backup unless it says on_failure: abort; a file that
 * cannot be read is a warning among the details; that no file could be read is a failure. Reports
 * through one callback, from the calling thread, often (the callee thins them out). The callback
 *           may cancel through plan->cancel.
 */
#ifndef STAGE_BACKUP_H
#define STAGE_BACKUP_H

#include "core/cancel.h"
#include "core/error.h"
#include "core/id.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/bucket.h"

#include <jansson.h>

#include <stdint.h>

/* Where a backup stands. Pointers are borrowed during the callback. */
struct stage_report {
    enum backup_state state; /* BACKUP_DISCOVERING, then BACKUP_RUNNING when the upload begins */
    const char *stage;       /* "pre-backup", "snapshot", "upload" … : docs/redis.md */
    int64_t bytes_done;      /* -1 before totals are known */
    int64_t bytes_total;
    int64_t taken_ms; /* when the snapshot was taken; 0 before */
    enum hook_state hook_state;
    const json_t *hook_state_details;
    const json_t *state_details;
};

/* A failure stops the backup: the fence is lost (LOST), the store has been away too long. */
typedef enum status stage_report_fn(void *context, const struct stage_report *report,
                                    struct error *err);

/* What to do. Everything is borrowed. */
struct stage_plan {
    const char *job;    /* id */
    const char *backup; /* id */
    const char *backup_name;
    const char *account;
    const struct app_definition *app; /* NULL for a delete */
    const struct bucket_definition *bucket;
    const char *app_id;
    const char *passphrase;
    const char *undo_directory;
    const struct cancel *cancel;
    stage_report_fn *report;
    void *context;
};

struct stage_result {
    char repository_snapshot[RESTIC_ID_SIZE];
    int64_t bytes_done, bytes_total;
    int64_t taken_ms;
    enum hook_state hook_state;
    json_t *hook_state_details; /* owned */
    json_t *state_details;      /* owned */
};

enum status stage_result_init(struct stage_result *result, struct error *err) MUST_CHECK;
void stage_result_done(struct stage_result *result);

/* Fills *result also on failure, as far as it came; it has been initialised by the caller. A backup
 * whose snapshot is in the repository already (tag "backup=<id>", from an attempt that died between
 * commit and report) is completed with that one. */
enum status stage_backup_run(const struct stage_plan *plan, struct stage_result *result,
                             struct error *err) MUST_CHECK;

/* Forget: removes every repository snapshot with the tag "backup=<id>". No repository, no snapshot:
 * fine. */
enum status stage_delete_run(const struct stage_plan *plan, struct error *err) MUST_CHECK;

#endif
