/*
 * Snapshot files, as restic has them.
 *
 * Shapes    {"time","tree","paths","hostname","username","uid"?,"gid"?,"excludes"?,"tags"?,
 *           "program_version","summary"}
 */
#ifndef REPOSITORY_SNAPSHOT_FILE_H
#define REPOSITORY_SNAPSHOT_FILE_H

#include "core/buffer.h"
#include "core/error.h"
#include "repository/saving.h"
#include "repository/snapshot_fields.h"

#include <stddef.h>

/* Appends the text. Host and user are this process's where the snapshot has none. */
enum status snapshot_file_write(const struct repository_snapshot *snapshot,
                                const struct repository_statistics *statistics, struct buffer *text,
                                struct error *err) MUST_CHECK;

/* Calls back once, unless the text is no snapshot: CORRUPT. */
enum status snapshot_file_read(const void *text, size_t len, const struct blob_id *id,
                               repository_snapshot_fn *seen, void *context, struct error *err)
    MUST_CHECK;

#endif
