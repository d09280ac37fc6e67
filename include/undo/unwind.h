/*
 * Unwind: pays what an undo record says is owed. The record forgets each debt once it is paid, and
 * no sooner: an application that a failed hook has left frozen is to be let go by the next attempt.
 *
 * Order     the exchange of a restore comes before its hooks, so that the application comes back to
 *           the old volumes or to the new ones. What takes its time comes after the hooks: removing
 *           snapshots, and what a restore has replaced.
 */
#ifndef UNDO_UNWIND_H
#define UNDO_UNWIND_H

#include "core/error.h"
#include "undo/hooks.h"
#include "undo/record.h"

#include <jansson.h>

/* How long what was restored beside the volumes stays for the next attempt. */
enum { UNDO_KEEP_MS = 24 * 60 * 60 * 1000 };

/* Runs the stage's hooks if they are owed, all of them. They stay owed until none of them fails. */
void unwind_hooks(struct undo_record *record, enum hook_stage stage, enum hook_reason reason,
                  json_t *details, struct hooks_result *ret_result);

/* Takes back the exchange of a restore if it was not finished; if it was, unwind_carry() completes
 * it. */
enum status unwind_swap(struct undo_record *record, struct error *err) MUST_CHECK;

/* Moves what the excludes leave out of backups from the old volumes of a finished exchange into the
 * new ones, if that has not been done. "excluded_left": not all of it could go; the text says where
 * the old is. */
enum status unwind_carry(struct undo_record *record, struct error *err) MUST_CHECK;

/* Removes the old that a restore has replaced and, if all is set, what was restored beside the
 * volumes. An old volume from which not all could be carried is never removed; with all set the
 * record forgets it, and it is for people to look at. "old_left": not all could be removed; the
 * text says what stays where, and the record keeps it for the next time, unless something else has
 * got its name. */
enum status unwind_places(struct undo_record *record, bool all, struct error *err) MUST_CHECK;

/* Are any hooks owed? */
bool unwind_owes_hooks(const struct undo_record *record);

/* What is owed has just been tried: what is left is for a later time (struct undo_debt, due_ms). */
void unwind_note_try(struct undo_record *record);

/* Is anything owed still, or does the next attempt of the restore need the record? */
bool unwind_is_kept(const struct undo_record *record);

/* Removes the snapshots; those that could not be removed stay in the record. The first failure is
 * returned. */
enum status unwind_snapshots(struct undo_record *record, struct error *err) MUST_CHECK;

#endif
