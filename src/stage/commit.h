/*
 * Commit: the snapshot file that makes the uploaded tree a backup, and how it is found again.
 * Tags      appbackup, backup=<id>, name=<name>, app=<app's name>, account=<id>, by=<id of who
 * asked>, version=<of the request>, and if there are labels, labels=<JSON array of {name, value}>
 */
#ifndef STAGE_COMMIT_H
#define STAGE_COMMIT_H

#include "context.h"

enum { COMMIT_TAG_SIZE = 128 };

#define COMMIT_BY_TAG      "by="
#define COMMIT_VERSION_TAG "version="
#define COMMIT_LABELS_TAG  "labels="

/* "backup=<id>" */
void commit_tag(const char *backup, char tag[COMMIT_TAG_SIZE]);

/* Everything durable, then the snapshot. Fills the result. owner: the backup's context. */
enum status commit_run(void *owner, struct error *err) MUST_CHECK;

/* Was this backup committed by an earlier attempt? Then the result is that of this snapshot. Finds
 * the parent as well: both take a look at every snapshot. */
enum status commit_find(struct stage_context *context, bool *ret_found, struct error *err)
    MUST_CHECK;

#endif
