#include "undo/undo.h"

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/file.h"
#include "undo/record.h"
#include "undo/unwind.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char record_suffix[] = ".json";
static const char temporary_suffix[] = ".json.tmp"; /* of file_replace() */

/* The commands in it run with our rights: nobody else may have written them. */
static enum status check_directory(const char *directory, bool *ret_exists, struct error *err)
{
    struct stat info;
    *ret_exists = false;
    if (lstat(directory, &info) != 0)
        return errno == ENOENT ? STATUS_OK : FAIL_ERRNO(err, "undo directory '%s'", directory);
    bool ours = info.st_uid == geteuid() || info.st_uid == 0;
    if (!S_ISDIR(info.st_mode) || !ours || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return FAIL(err, STATUS_FORBIDDEN,
                    "undo directory '%s': it must be our own and closed to others", directory);
    *ret_exists = true;
    return STATUS_OK;
}

/* What only takes up space gives way to what may keep an application still. */
static void keep_first(struct error *first, const struct error *failure)
{
    if (first->status == STATUS_OK ||
        (error_is(first, REASON_OLD_LEFT) && !error_is(failure, REASON_OLD_LEFT)))
        *first = *failure;
}

/* A record that nobody can read must neither block nor be lost. */
static enum status set_aside(const char *path, struct error *err)
{
    char aside[PATH_MAX];
    int len = snprintf(aside, sizeof(aside), "%s.bad", path);
    if (len < 0 || len >= (int)sizeof(aside) || rename(path, aside) != 0)
        return FAIL_IN(err, "it could not be renamed to *.bad");
    return FAIL_IN(err, "renamed to '%s'", aside);
}

/* Newest debt first, but the application is let go before anything that takes its time. */
static void unwind(struct undo_record *record, bool all, struct error *first)
{
    struct hooks_result hooks;
    struct error failure = {0};
    if (unwind_swap(record, &failure) != STATUS_OK)
        keep_first(first, &failure);
    unwind_hooks(record, HOOK_POST_RESTORE, HOOK_REASON_UNDO, NULL, &hooks);
    if (hooks.failed > 0)
        keep_first(first, &hooks.failure);
    unwind_hooks(record, HOOK_POST_SNAPSHOT, HOOK_REASON_UNDO, NULL, &hooks);
    if (hooks.failed > 0)
        keep_first(first, &hooks.failure);
    if (unwind_snapshots(record, &failure) != STATUS_OK)
        keep_first(first, &failure);
    unwind_hooks(record, HOOK_POST_BACKUP, HOOK_REASON_UNDO, NULL, &hooks);
    if (hooks.failed > 0)
        keep_first(first, &hooks.failure);
    if (unwind_places(record, all, &failure) != STATUS_OK)
        keep_first(first, &failure);
    record->tries += first->status != STATUS_OK;
    record->tried_ms = clock_wall_ms();
}

/* What is left of it, or that nothing is. */
static enum status keep_or_remove(const struct undo_record *record, const char *directory,
                                  struct error *err)
{
    char path[PATH_MAX];
    if (unwind_is_kept(record))
        return undo_record_write(record, directory, err);
    if (undo_record_path(directory, record->job, path, err) != STATUS_OK)
        return error_status(err);
    return file_remove(path, err);
}

static enum status undo_one(const char *directory, const char *job, bool all, struct error *err)
{
    char path[PATH_MAX];
    if (undo_record_path(directory, job, path, err) != STATUS_OK)
        return error_status(err);
    struct undo_record record = {0};
    struct error first = {0};
    enum status status = undo_record_read(directory, job, &record, &first);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    *err = first;
    if (status == STATUS_INVALID || status == STATUS_TOO_LARGE)
        return set_aside(path, err);
    if (status != STATUS_OK)
        return status;

    unwind(&record, all, &first);
    struct error failure = {0};
    if (keep_or_remove(&record, directory, &failure) != STATUS_OK)
        keep_first(&first, &failure);
    undo_record_done(&record);
    if (first.status == STATUS_OK)
        return STATUS_OK;
    *err = first;
    return FAIL_IN(err, "undo of job '%s'", job);
}

enum status undo_job(const char *undo_directory, const char *job, struct error *err)
{
    bool exists = false;
    if (check_directory(undo_directory, &exists, err) != STATUS_OK)
        return error_status(err);
    return exists ? undo_one(undo_directory, job, false, err) : STATUS_OK;
}

enum status undo_discard(const char *undo_directory, const char *job, struct error *err)
{
    bool exists = false;
    if (check_directory(undo_directory, &exists, err) != STATUS_OK)
        return error_status(err);
    return exists ? undo_one(undo_directory, job, true, err) : STATUS_OK;
}

/* Does the name end so, behind the id of a job? job: filled if it does. */
static bool is_of_job(const char *name, const char *suffix, char job[ID_SIZE])
{
    if (strlen(name) != ID_SIZE - 1 + strlen(suffix) || strcmp(name + ID_SIZE - 1, suffix) != 0)
        return false;
    memcpy(job, name, ID_SIZE - 1);
    job[ID_SIZE - 1] = '\0';
    return id_is_valid(job);
}

/* With the names in the undo directory, and a descriptor of it. */
typedef void entry_fn(void *context, int directory, const char *name);

static enum status each_entry(const char *undo_directory, entry_fn *on_entry, void *context,
                              struct error *err)
{
    bool exists = false;
    if (check_directory(undo_directory, &exists, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(dir_closep) DIR *directory = exists ? opendir(undo_directory) : NULL;
    if (exists && directory == NULL)
        return FAIL_ERRNO(err, "open undo directory '%s'", undo_directory);
    while (directory != NULL) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL && errno != 0)
            return FAIL_ERRNO(err, "read undo directory '%s'", undo_directory);
        if (entry == NULL)
            break;
        on_entry(context, dirfd(directory), entry->d_name);
    }
    return STATUS_OK;
}

/* 5 s, 10 s, 20 s … after the last try; at last every 10 min where an application may stand still,
 * every 6 h where something only takes up space. */
static int64_t due_ms(const struct undo_record *record)
{
    enum { FIRST_MS = 5 * 1000, HOOKS_MS = 10 * 60 * 1000, SPACE_MS = 6 * 3600 * 1000 };

    enum { DOUBLINGS_MAX = 13 };

    if (record->tries == 0 || record->tried_ms > clock_wall_ms()) /* the clock was set back */
        return 0;
    int64_t doublings = record->tries - 1 < DOUBLINGS_MAX ? record->tries - 1 : DOUBLINGS_MAX;
    int64_t wait_ms = (int64_t)FIRST_MS << doublings;
    int64_t last_ms = unwind_owes_hooks(record) ? HOOKS_MS : SPACE_MS;
    return record->tried_ms + (wait_ms < last_ms ? wait_ms : last_ms);
}

enum status undo_look(const char *undo_directory, const char *job, struct undo_debt *ret_debt,
                      struct error *err)
{
    struct undo_record record = {0};
    enum status status = undo_record_read(undo_directory, job, &record, err);
    if (status != STATUS_OK)
        return status;
    *ret_debt =
        (struct undo_debt){.owes_hooks = unwind_owes_hooks(&record), .due_ms = due_ms(&record)};
    (void)snprintf(ret_debt->app, sizeof(ret_debt->app), "%s", record.app);
    undo_record_done(&record);
    return STATUS_OK;
}

enum status undo_forgive(const char *undo_directory, const char *job, const enum hook_stage *stages,
                         size_t count, struct error *err)
{
    struct undo_record record = {0};
    enum status status = undo_record_read(undo_directory, job, &record, err);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        record.owed[stages[i]] = false;
    status = keep_or_remove(&record, undo_directory, err);
    undo_record_done(&record);
    return status;
}

struct sweep {
    const char *directory;
    undo_wanted_fn *wanted;
    void *context;
    size_t count;
    struct error first;
};

static void sweep_entry(void *context, int directory, const char *name)
{
    struct sweep *sweep = context;
    char job[ID_SIZE];
    bool record = is_of_job(name, record_suffix, job);
    bool temporary = !record && is_of_job(name, temporary_suffix, job);
    if (!record && !temporary)
        return;
    if (sweep->wanted != NULL && !sweep->wanted(sweep->context, job))
        return;
    if (temporary) {
        (void)unlinkat(directory, name, 0); /* a write cut short: the record before it counts */
        return;
    }
    struct error failure = {0};
    sweep->count++;
    if (undo_one(sweep->directory, job, false, &failure) != STATUS_OK)
        keep_first(&sweep->first, &failure);
}

enum status undo_all(const char *undo_directory, undo_wanted_fn *wanted, void *context,
                     size_t *ret_count, struct error *err)
{
    struct sweep sweep = {.directory = undo_directory, .wanted = wanted, .context = context};
    if (each_entry(undo_directory, sweep_entry, &sweep, err) != STATUS_OK)
        return error_status(err);
    if (sweep.first.status != STATUS_OK) {
        *err = sweep.first;
        return error_status(err);
    }
    *ret_count = sweep.count;
    return STATUS_OK;
}

struct visit {
    undo_visit_fn *visit;
    void *context;
};

static void visit_entry(void *context, int directory UNUSED, const char *name)
{
    const struct visit *visit = context;
    char job[ID_SIZE];
    if (is_of_job(name, record_suffix, job))
        visit->visit(visit->context, job);
}

enum status undo_each(const char *undo_directory, undo_visit_fn *visit, void *context,
                      struct error *err)
{
    struct visit each = {.visit = visit, .context = context};
    return each_entry(undo_directory, visit_entry, &each, err);
}
