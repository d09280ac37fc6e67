#include "backups.h"
#include "core/cleanup.h"
#include "core/json.h"
#include "core/log.h"
#include "maintenance/catalog.h"
#include "maintenance/forget.h"
#include "maintenance/prune.h"
#include "model/detail.h"
#include "restore/restore.h"
#include "restore_target.h"
#include "run.h"
#include "undo/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERDICTS_PAGE = 500,
    CATALOG_PAGE_BYTES = 1 << 19 /* half of what a call may have; the labels of one fill less */
};

static enum status undefined_app(const struct run *run, struct error *err)
{
    return FAIL_REASON(err, STATUS_NOT_FOUND, REASON_APP_UNDEFINED, "node '%s' has no app '%s'",
                       run->node.config->node, run->task.app_name);
}

/* The patterns, borrowed from the task; caller frees the list. */
static enum status list_includes(const struct task *task, const char ***ret_list, struct error *err)
{
    size_t count = json_array_size(task->includes);
    *ret_list = NULL;
    if (count == 0)
        return STATUS_OK;
    if (count > TASK_INCLUDES_MAX)
        return FAIL(err, STATUS_INVALID, "%zu patterns, at most %d are allowed", count,
                    TASK_INCLUDES_MAX);
    *ret_list = calloc(count + 1, sizeof(**ret_list));
    if (*ret_list == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "%zu patterns", count);
    for (size_t i = 0; i < count; i++)
        (*ret_list)[i] = json_string_value(json_array_get(task->includes, i));
    return STATUS_OK;
}

static enum status run_restore(struct run *run, const struct work *work, struct error *err)
{
    const struct task *task = &run->task;
    const struct app_definition *app = config_apps_find(run->node.apps, run->job.app);
    CLEANUP(free_any) const char **includes = NULL;
    bool in_place = task->target[0] == '\0';
    if (app == NULL)
        return undefined_app(run, err);
    if (!in_place && restore_target_check(run->node.config, task->target, err) != STATUS_OK)
        return FAIL_IN(err, "target");
    if (list_includes(task, &includes, err) != STATUS_OK)
        return FAIL_IN(err, "includes");
    const struct restore_plan plan = {
        .work = *work,
        .job = run->job.id,
        .backup = task->backup,
        .snapshot = task->repository_snapshot[0] == '\0' ? NULL : task->repository_snapshot,
        .app = app,
        .undo_directory = run->node.directories.undo,
        .target = in_place ? NULL : task->target,
        .includes = includes,
    };
    return restore_run(&plan, &run->result, err);
}

/* Of verdicts, or of a catalogue. */
static bool is_known(const json_t *entries, const char *backup)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(entries, index,
                       entry) if (strcmp(json_string_value(json_object_get(entry, "backup")),
                                         backup) == 0) return true;
    return false;
}

/* What the removal of snapshots needs besides the backup that they are of. */
struct forgetting {
    struct run *run;
    struct forget_plan plan;
    bool looked; /* run->catalog says of which backups there are snapshots */
};

/* All snapshots are read once, and not again for each backup that has failed. */
static enum status look_once(struct forgetting *forgetting, struct error *err)
{
    struct run *run = forgetting->run;
    if (!forgetting->looked &&
        catalog_run(&forgetting->plan.work, &run->result, run->catalog, err) != STATUS_OK)
        return err->status;
    forgetting->looked = true;
    return STATUS_OK;
}

/* A process that died between commit and report has left its snapshot; where the backup was then
 * canceled, or given up, nobody else would remove that before the record. */
static enum status forget_failed(void *context, const struct backup *backup, struct error *err)
{
    struct forgetting *forgetting = context;
    const struct run *run = forgetting->run;
    if (backup->state != BACKUP_FAILED || backup->bytes_total < 0 ||
        strcmp(backup->bucket, run->job.bucket) != 0)
        return STATUS_OK;
    if (look_once(forgetting, err) != STATUS_OK)
        return err->status;
    if (!is_known(run->catalog, backup->id))
        return STATUS_OK;
    forgetting->plan.backup = backup->id;
    return forget_run(&forgetting->plan, err);
}

/* No job of the app runs beside this one: what has failed stays so. */
static enum status forget_all_failed(struct run *run, const struct work *work, struct error *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = node_config_store_options(&run->node);
    struct forgetting forgetting = {.run = run, .plan = {.work = *work}};
    if (store_open(&options, &store, err) != STATUS_OK)
        return err->status;
    return backups_each(store, &run->job, forget_failed, &forgetting, err);
}

static enum status run_prune(struct run *run, const struct work *work, struct error *err)
{
    const struct prune_plan plan = {
        .work = *work,
        .timeout_ms = run->node.config->worker.prune_timeout_s * 1000,
    };
    if (forget_all_failed(run, work, err) != STATUS_OK)
        return err->status;
    return prune_run(&plan, &run->result, err);
}

static enum status run_verify(struct run *run, const struct work *work, struct error *err)
{
    const struct verify_plan plan = {
        .work = *work,
        .sample = run->task.sample > 0 ? run->task.sample : run->node.config->worker.verify_sample,
    };
    return verify_run(&plan, &run->result, &run->verdicts, err);
}

enum status task_run(struct run *run, const struct work *work, struct error *err)
{
    if (run->job.kind == JOB_RESTORE)
        return run_restore(run, work, err);
    if (run->job.kind == JOB_CATALOG)
        return catalog_run(work, &run->result, run->catalog, err);
    if (run->job.kind == JOB_PRUNE)
        return run_prune(run, work, err);
    return run_verify(run, work, err);
}

/* --- what a verification has found --- */

struct absence {
    struct run *run;
    size_t count;
    char first[NAME_SIZE];
};

/* A backup that Redis believes to be completed in this bucket, and of which there is no snapshot.
 */
static enum status judge_absent(void *context, const struct backup *backup, struct error *err)
{
    struct absence *absence = context;
    struct run *run = absence->run;
    bool is_meant =
        backup->state == BACKUP_COMPLETED && strcmp(backup->bucket, run->job.bucket) == 0;
    if (!is_meant || is_known(run->verdicts.backups, backup->id))
        return STATUS_OK;
    char problem[RESTIC_ID_SIZE + 64];
    (void)snprintf(problem, sizeof(problem), "snapshots/%s is gone or cannot be read",
                   backup->repository_snapshot);
    json_t *verdict = json_pack("{s:s, s:s}", "backup", backup->id, "problem", problem);
    if (json_array_append_new(run->verdicts.backups, verdict) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "verdicts");
    if (absence->count++ == 0)
        (void)snprintf(absence->first, sizeof(absence->first), "%s", backup->name);
    return STATUS_OK;
}

/* In pages; the last one carries what there is to say of the repository. */
static enum status send_verdicts(struct run *run, const char *damage, struct error *err)
{
    size_t count = json_array_size(run->verdicts.backups);
    size_t sent = 0;
    do {
        json_auto_t *page = json_array();
        for (size_t i = 0; i < VERDICTS_PAGE && sent < count; i++, sent++)
            if (json_array_append(page, json_array_get(run->verdicts.backups, sent)) != 0)
                return FAIL(err, STATUS_NO_MEMORY, "verdicts");
        const struct store_verdicts verdicts = {
            .complete = run->task.sample >= 100,
            .is_last = sent == count,
            .backups = page,
            .damage = damage,
        };
        if (store_verify_report(run->store, &run->job, &verdicts, err) != STATUS_OK)
            return err->status;
    } while (sent < count);
    return STATUS_OK;
}

/* Entries from the first on, as many as may go in one call. */
static enum status fill_page(const json_t *catalog, size_t first, json_t *page, struct error *err)
{
    size_t bytes = 0;
    size_t count = json_array_size(catalog) - first;
    for (size_t i = 0; i < count && i < VERDICTS_PAGE && bytes < CATALOG_PAGE_BYTES; i++) {
        json_t *entry = json_array_get(catalog, first + i);
        CLEANUP(freep) char *text = json_write(entry);
        if (text == NULL || json_array_append(page, entry) != 0)
            return FAIL(err, STATUS_NO_MEMORY, "catalogue");
        bytes += strlen(text);
    }
    return STATUS_OK;
}

/* In pages, too; then, for people, how many records were missing. */
static enum status send_catalog(struct run *run, struct error *err)
{
    int64_t missing = 0;
    size_t count = json_array_size(run->catalog);
    for (size_t sent = 0; sent < count;) {
        json_auto_t *page = json_array();
        int64_t created = 0;
        if (fill_page(run->catalog, sent, page, err) != STATUS_OK)
            return err->status;
        sent += json_array_size(page);
        if (store_catalog_report(run->store, &run->job, page, &created, err) != STATUS_OK)
            return err->status;
        missing += created;
    }
    char text[96];
    (void)snprintf(text, sizeof(text), "%zu backups are in the bucket, %lld had no record", count,
                   (long long)missing);
    detail_add(run->result.state_details, REASON_CATALOGED, "Bucket read", text, NULL);
    return STATUS_OK;
}

enum status task_tell(struct run *run, enum status status, const struct error *cause,
                      struct error *err)
{
    if (run->job.kind == JOB_CATALOG && status == STATUS_OK)
        return send_catalog(run, err);
    bool damaged = status == STATUS_CORRUPT && error_is(cause, REASON_DATA_DAMAGED);
    if (run->job.kind != JOB_VERIFY || (status != STATUS_OK && !damaged))
        return STATUS_OK;
    struct absence absence = {.run = run};
    if (run->verdicts.complete &&
        backups_each(run->store, &run->job, judge_absent, &absence, err) != STATUS_OK)
        return FAIL_IN(err, "backups of the app");
    if (send_verdicts(run, damaged ? cause->text : "", err) != STATUS_OK)
        return err->status;
    if (damaged || absence.count == 0)
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_CORRUPT, REASON_DATA_DAMAGED,
                       "%zu backups are gone from the bucket, the first is '%s'", absence.count,
                       absence.first);
}

void task_give_up(const struct node_directories *directories, const struct job *job)
{
    struct error err = {0};
    if (job->kind == JOB_RESTORE && undo_discard(directories->undo, job->id, &err) != STATUS_OK)
        log_text(LOG_LEVEL_WARNING, "what a restore has begun is not removed",
                 LOG_TEXT("job", job->id), LOG_TEXT("reason", err.text));
}
