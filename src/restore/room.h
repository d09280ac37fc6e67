/*
 * Room: is there any chance that a restore in place fits beside the data that it replaces? Looked at
 * before the application is stopped for it, since a restore that cannot fit fails however often it
 * is tried.
 *
 * Needed    at least what the files of the backup hold; holes count for nothing, nor does what was
 *           repeated within a file. On a file system that may compress (btrfs, ZFS, bcachefs)
 *           nothing can be said.
 * There     what the file system says is free, for us: a limit of it for a project counts as well
 */
#ifndef RESTORE_ROOM_H
#define RESTORE_ROOM_H

#include "job.h"

/* CONFLICT, "no_room": what it needs, and where. *ret_sure: all volumes could be looked at. Where
 * hooks are still to come, a volume that is not there, or is empty, may yet be mounted or made by
 * one. */
enum status room_check(struct restore *restore, bool before_hooks, bool *ret_sure,
                       struct error *err) MUST_CHECK;

#endif
