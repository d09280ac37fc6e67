/*
 * Catalogue: which backups an app's repository holds, read from its snapshots, for whoever has lost
 * the records of them.
 *
 * Entries   {"backup": id, "name": text, "taken_ms": number, "bytes": number, "snapshot": 64 hex
 *           digits}, and where the snapshot tells of them "created_by": id, "version": text,
 *           "labels": [{"name", "value"}]; one for each snapshot with the tags of ours, others are
 *           left out. A snapshot that cannot be read does not hide the others: it is among the
 *           details of the state (snapshot_unreadable).
 * Errors    those of a bucket; no repository is no error: there is no entry.
 */
#ifndef MAINTENANCE_CATALOG_H
#define MAINTENANCE_CATALOG_H

#include "access/work.h"

/* Adds to entries, an array. */
enum status catalog_run(const struct work *work, struct work_result *result, json_t *entries,
                        struct error *err) MUST_CHECK;

/* Is there a repository of this app at all? Cheap: opens nothing. */
enum status catalog_exists(const struct bucket_definition *bucket, const char *app_id,
                           bool *ret_exists, struct error *err) MUST_CHECK;

#endif
