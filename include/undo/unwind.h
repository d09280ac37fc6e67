/*
 * Unwind: pay what an undo record says is owed. The record forgets each debt once it is paid, and
 * no sooner: an application that a failed hook has left frozen is to be let go by the next one.
 */
#ifndef UNDO_UNWIND_H
#define UNDO_UNWIND_H

#include "core/error.h"
#include "undo/hooks.h"
#include "undo/record.h"

#include <jansson.h>

/* How long what was restored beside the volumes stays for the next attempt. */
enum { UNDO_KEEP_MS = 24 * 60 * 60 * 1000 };

/* Runs the stage's hooks if they are owed, all of them, and they are until none of them fails. */
void unwind_hooks(struct undo_record *record, enum hook_stage stage, enum hook_reason reason,
                  json_t *details, struct hooks_result *ret_result);

/* Of a restore: an exchange that was not finished is taken back, one that was is completed by
 * unwind_carry(). Before the hooks: the application comes back to one or the other. */
enum status unwind_swap(struct undo_record *record, struct error *err) MUST_CHECK;

/* Of a restore whose exchange is finished: what the excludes leave out of backups goes from the old
 * into the new (carry.h), if that has not been done. "excluded_left": not all of it could
 * go; the text says where the old is. */
enum status unwind_carry(struct undo_record *record, struct error *err) MUST_CHECK;

/* Of a restore: the old that was replaced is removed, or, if all: what was restored beside the
 * volumes as well. After the hooks, since it takes its time. An old one that could not be carried
 * from is never removed; with all it is people's, and forgotten. */
enum status unwind_places(struct undo_record *record, bool all, struct error *err) MUST_CHECK;

bool unwind_owes_hooks(const struct undo_record *record);

/* Is anything owed still, or does the next attempt of the restore need the record? */
bool unwind_is_kept(const struct undo_record *record);

/* Removes the snapshots; those that could not be removed stay in the record. The first failure is
 * returned. */
enum status unwind_snapshots(struct undo_record *record, struct error *err) MUST_CHECK;

#endif
