/*
 * Task: a restore, a prune or a verification of an app's backups, as it is kept in Redis.
 *
 * Redis     hash task:<id>: id kind account app app_name bucket node job state state_unready
 *           state_details hook_state hook_state_details bytes_done bytes_total percent_done
 *           created_by created_ms modified_ms; of a restore also backup backup_name
 *           repository_snapshot target includes overwrite; of a verification also sample
 * States    pending -> running -> completed | failed; back to pending for another attempt
 * Ownership json_t members are owned by the struct: task_done()
 */
#ifndef MODEL_TASK_H
#define MODEL_TASK_H

#include "core/error.h"
#include "core/id.h"
#include "model/backup.h"
#include "model/job.h"
#include "model/names.h"

#include <jansson.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { TASK_INCLUDES_MAX = 64, TASK_INCLUDE_BYTES_MAX = 1024 };

struct task {
    char id[ID_SIZE];
    enum job_kind kind; /* JOB_RESTORE, JOB_PRUNE or JOB_VERIFY */
    char account[ID_SIZE];
    char app[ID_SIZE];
    char app_name[NAME_SIZE];
    char bucket[ID_SIZE];
    char node[NODE_NAME_SIZE];
    char job[ID_SIZE];
    char backup[ID_SIZE];
    char backup_name[NAME_SIZE];
    char repository_snapshot[RESTIC_ID_SIZE];
    char target[PATH_MAX];   /* "": in place */
    bool overwrite;          /* also into a target that is not empty */
    char created_by[129];    /* the id of a token, "appbackupctl:uid=0", or "schedule" */
    enum backup_state state; /* BACKUP_PENDING, _RUNNING, _COMPLETED or _FAILED */
    enum hook_state hook_state;
    json_t *includes;      /* array of strings; never NULL after task_init() */
    json_t *state_unready; /* array of strings */
    json_t *state_details; /* array of detail entries */
    json_t *hook_state_details;
    int64_t sample;                  /* percent of the packs that a verification reads */
    int64_t bytes_total, bytes_done; /* -1 until known */
    int64_t percent_done;
    int64_t created_ms, modified_ms;
};

enum status task_init(struct task *task, struct error *err) MUST_CHECK;
void task_done(struct task *task); /* a struct of all zeros is fine */

/* Sets one field of the Redis hash task:<id>, as backup_set_field() does for a backup. */
enum status task_set_field(struct task *task, const char *field, const char *value,
                           struct error *err) MUST_CHECK;

/* All there is to say, for the admin's tool. Caller owns *ret_json. */
enum status task_to_json(const struct task *task, json_t **ret_json, struct error *err) MUST_CHECK;

#endif
