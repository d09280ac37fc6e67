/*
 * Live entry: what the copy of a volume has a gap for is read in the volume itself, which is reached
 * from its top by the names that the walk has gone down by, following no symbolic link and entering
 * no mount. It may be another kind of file by then.
 */
#ifndef BACKUP_LIVE_ENTRY_H
#define BACKUP_LIVE_ENTRY_H

#include "core/error.h"
#include "snapshot/snapshot.h"
#include "upload_entry.h"

/* The entry, one of a gap that is no directory, becomes that of the volume. What is not there, or
 * cannot be reached, is the entry's failure, and not the caller's. */
enum status live_entry_find(struct upload_entry *entry, const struct snapshot_plan *plan,
                            struct error *err) MUST_CHECK;

#endif
