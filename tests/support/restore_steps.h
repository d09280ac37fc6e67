/*
 * Restore steps: what the tests of restores do and look at in common: a backup of the fixture's app,
 * and the plan of a restore of it to a target.
 */
#ifndef TESTS_SUPPORT_RESTORE_STEPS_H
#define TESTS_SUPPORT_RESTORE_STEPS_H

#include "restore/restore.h"
#include "tests/support/backup_steps.h"

#include <limits.h>

extern struct restore_plan plan; /* its job is none of the fixture's */
extern char target[PATH_MAX];

/* .init and .fini of a suite. */
void restore_steps_set_up(void);
void restore_steps_tear_down(void);

/* Backs up the fixture's app; the result is empty afterwards. */
void back_up(void);
/* Restores, with success. */
void restore(void);
/* Restores, and it fails like this. */
void fail_restore(enum status wanted, const char *reason);
/* Restores in a process of its own, which must be killed at the point (core/point.h). */
void die_at(const char *point);

/* The details of the result's state as one text; static. */
const char *details(void);
void expect_output(const char *expected, const char *shell);
/* Nothing of ours is left: no lock, no record, no place. */
void expect_clean(void);

/* In the middle of the largest pack of the bucket. */
void flip_a_bit(void);

#endif
