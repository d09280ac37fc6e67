/*
 * Backups: all that an app has records of, a page at a time.
 */
#ifndef WORKER_BACKUPS_H
#define WORKER_BACKUPS_H

#include "core/error.h"
#include "model/backup.h"
#include "model/job.h"
#include "store/store.h"

/* The backup is borrowed. Another status than OK ends the walk, which returns it. */
typedef enum status backups_fn(void *context, const struct backup *backup, struct error *err);

/* Of the job's app. */
enum status backups_each(struct store *store, const struct job *job, backups_fn *on_backup,
                         void *context, struct error *err) MUST_CHECK;

#endif
