/*
 * Upload: puts what was frozen into the repository, as one tree of all volumes under their own
 * paths.
 *
 * Names     and paths are the volume's, also where a snapshot of it is read. So is the number of
 *           its device: a btrfs snapshot has a new one each time, and every directory would
 *           differ.
 * Volume    its own node has the attributes of its copy, which the snapshot gave it.
 * Totals    bytes_done grows with what is stored or known to be; a file that could not be read
 *           counts as well in the end, so that it reaches bytes_total.
 * Errors    FORBIDDEN, reason "nothing_readable": there were files, and not one could be read
 */
#ifndef BACKUP_UPLOAD_H
#define BACKUP_UPLOAD_H

#include "context.h"

/* Runs after discover_run(). Sets tree, files and directories of the context. */
enum status upload_run(struct backup_context *context, struct error *err) MUST_CHECK;

#endif
