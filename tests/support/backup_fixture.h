/*
 * Backup fixture: an app with one volume, a bucket and a node's state in a scratch directory, and
 * the plan of its backup; hooks that write down that they ran; the stock restic on its repository.
 */
#ifndef TESTS_SUPPORT_BACKUP_FIXTURE_H
#define TESTS_SUPPORT_BACKUP_FIXTURE_H

#include "backup/backup.h"
#include "tests/support/scratch.h"

#include <stdbool.h>

#define FIXTURE_JOB     "11111111-1111-4111-8111-111111111111"
#define FIXTURE_BACKUP  "22222222-2222-4222-8222-222222222222"
#define FIXTURE_ACCOUNT "33333333-3333-4333-8333-333333333333"
#define FIXTURE_APP     "44444444-4444-4444-8444-444444444444"

enum { FIXTURE_HOOKS_MAX = 8, FIXTURE_VOLUMES_MAX = 4, FIXTURE_EXCLUDES_MAX = 4 };

struct backup_fixture {
    struct scratch scratch; /* volume/, bucket/, and of the node undo/, seen-buckets/ */
    struct app_definition app;
    struct bucket_definition bucket;
    struct cancel cancel;
    struct backup_plan plan;
    char *volumes[FIXTURE_VOLUMES_MAX + 1];
    char *excludes[FIXTURE_EXCLUDES_MAX + 1];
    struct app_hook hooks[HOOK_STAGE_COUNT][FIXTURE_HOOKS_MAX];
};

/* The volume is left empty, the driver is none, there are no hooks and no report. */
void backup_fixture_open(struct backup_fixture *fixture);
void backup_fixture_close(struct backup_fixture *fixture);

void backup_fixture_add_volume(struct backup_fixture *fixture, const char *path);
void backup_fixture_add_exclude(struct backup_fixture *fixture, const char *pattern);

/* A hook that appends "<stage> <name> <reason>" to the file "log", then runs the shell commands,
 * with the scratch directory as $0. */
void backup_fixture_add_hook(struct backup_fixture *fixture, enum hook_stage stage,
                             const char *name, const char *shell, bool abort_on_failure);

/* The log of the hooks, lines joined by "; "; static. */
const char *backup_fixture_log(const struct backup_fixture *fixture);

/* Its output, without the last newline; ends the test if restic fails. Caller frees. */
char *backup_fixture_restic(const struct backup_fixture *fixture, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/* Fills the volume: one of each kind of file, with all that is odd. */
void backup_fixture_make_every_kind(const struct backup_fixture *fixture);

/* `restic check --read-data` is content, and no lock and no undo record is left. */
void backup_fixture_check(const struct backup_fixture *fixture);

#endif
