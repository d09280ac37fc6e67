/*
 * Backup steps: what the tests of backups do and look at in common, with one fixture and one result.
 */
#ifndef TESTS_SUPPORT_BACKUP_STEPS_H
#define TESTS_SUPPORT_BACKUP_STEPS_H

#include "backup/backup.h"
#include "tests/support/backup_fixture.h"

#include <stdbool.h>
#include <stddef.h>

struct object_store;
struct repository;

extern struct backup_fixture fixture;
extern struct work_result result;

/* .init and .fini of a suite. */
void backup_steps_set_up(void);
void backup_steps_tear_down(void);
/* An empty result. */
void renew_result(void);

/* Backs up, with success. */
void expect_backup(void);
/* Backs up, and it fails like this. */
void fail_backup(enum status status, const char *reason);
/* Makes the same application's next backup. */
void next_backup(void);

/* Restores the result's snapshot with the stock restic and compares the volume; how many entries. */
size_t expect_restore(const char *target, const char *volume);
/* The details as one text; static. */
const char *details_of(const json_t *details);
/* Has the path changed between two snapshots, times and all others counted? */
bool is_changed(const char *first, const char *second, const char *path);
/* What the result's snapshot tells: how many files are new/changed/unmodified, and directories.
 * parent: the snapshot that it was compared with; NULL: any. */
void expect_summary(const char *expected, const char *parent);

/* The fixture's repository; the caller closes both. */
void open_repository(struct object_store **ret_store, struct repository **ret_repository);

/* A work_report_fn that runs the shell commands of its context once the upload has begun. */
enum status break_things(void *context, const struct work_report *report, struct error *err);

/* Fills the directory with files of all sizes. */
void make_files(const char *directory);

#endif
