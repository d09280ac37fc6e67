/*
 * Target: the directory that is restored into. It must be empty when the restore begins, unless the
 * caller says otherwise; that this job has begun there stands in its undo record, so that the next
 * attempt goes on.
 */
#ifndef RESTORE_TARGET_H
#define RESTORE_TARGET_H

#include "job.h"

/* Makes the directory if need be, and opens it. CONFLICT, "target_not_empty". */
enum status target_open(struct restore *restore, const char *path, bool overwrite,
                        struct error *err) MUST_CHECK;

/* Forgets that the job has begun there, unless the failure lets it be tried again. */
void target_close(struct restore *restore, enum status status);

#endif
