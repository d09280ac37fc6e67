/*
 * Backups: all that an app has records of, a page at a time, to be compared with what was found.
 */
#ifndef WORKER_BACKUPS_H
#define WORKER_BACKUPS_H

#include "core/error.h"
#include "model/backup.h"
#include "model/job.h"
#include "store/store.h"

#include <jansson.h>

#include <stdbool.h>

/* The backup is borrowed. Another status than OK ends the walk, which returns it. */
typedef enum status backups_fn(void *context, const struct backup *backup, struct error *err);

/* Calls on_backup for each backup of the job's app. */
enum status backups_each(struct store *store, const struct job *job, backups_fn *on_backup,
                         void *context, struct error *err) MUST_CHECK;

/* Is a backup among these findings, verdicts or a catalogue? Each has its id as "backup". */
bool backups_have(const json_t *entries, const char *id);

#endif
