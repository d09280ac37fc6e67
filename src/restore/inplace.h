/*
 * In place: the stages that touch the application, and what they owe. Before the first hook starts
 * the record says that post-restore is owed; before anything is made, where; before the exchange
 * begins, that it is to be taken back; when it is complete, that it stays; and when what is
 * excluded has been carried over, that the old may go.
 */
#ifndef RESTORE_INPLACE_H
#define RESTORE_INPLACE_H

#include "job.h"

/* Pays what a dead attempt owes, and takes over what it has restored. *ret_swapped: it had come to
 * the end of the exchange. Fails if an exchange cannot be taken back. */
enum status inplace_take_over(struct restore *restore, bool *ret_swapped, struct error *err)
    MUST_CHECK;

/* Can what is restored fit beside the old, as far as that can be told by now? What an earlier attempt
 * has restored already is not looked for again. CONFLICT, "no_room". */
enum status inplace_look_for_room(struct restore *restore, bool before_hooks, struct error *err)
    MUST_CHECK;

/* Makes the places and plans what comes into them; the stage plan calls it. */
enum status inplace_plan(struct restore *restore, struct error *err) MUST_CHECK;

/* Stages (undo/operation.h); their owner is the restore. */
enum status inplace_pre_restore(void *owner, struct error *err) MUST_CHECK;
enum status inplace_swap(void *owner, struct error *err) MUST_CHECK;
enum status inplace_carry(void *owner, struct error *err) MUST_CHECK;
enum status inplace_post_restore(void *owner, struct error *err) MUST_CHECK;
enum status inplace_cleanup(void *owner, struct error *err) MUST_CHECK;

/* Takes back what a failed restore has done. The cause says whether a next attempt will want what
 * was restored. */
void inplace_undo(struct restore *restore, const struct error *cause);
/* Closes the places. */
void inplace_done(struct restore *restore);

#endif
