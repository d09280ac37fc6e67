/*
 * The kind verify: a repository is read, and compared with what was written and with the records.
 */
#include "backups.h"
#include "core/cleanup.h"
#include "kinds.h"
#include "maintenance/maintenance.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_ENTRIES = 500 };

static enum status run_verify(struct run *run, const struct work *work, struct error *err)
{
    const struct task *task = run->subject;
    struct verify_verdicts verdicts = {.backups = run->findings};
    const struct verify_plan plan = {
        .work = *work,
        .sample = task->sample > 0 ? task->sample : run->node.config->worker.verify_sample,
    };
    enum status status = verify_run(&plan, &run->result, &verdicts, err);
    run->findings_complete = verdicts.complete;
    return status;
}

struct absence {
    struct run *run;
    size_t count;
    char first[NAME_SIZE];
};

/* Notes a backup that Redis believes to be completed in this bucket, and that has no snapshot. */
static enum status judge_absent(void *context, const struct backup *backup, struct error *err)
{
    struct absence *absence = context;
    struct run *run = absence->run;
    bool is_meant =
        backup->state == BACKUP_COMPLETED && strcmp(backup->bucket, run->job.bucket) == 0;
    if (!is_meant || backups_have(run->findings, backup->id))
        return STATUS_OK;
    char problem[RESTIC_ID_SIZE + 64];
    (void)snprintf(problem, sizeof(problem), "snapshots/%s is gone or cannot be read",
                   backup->repository_snapshot);
    json_t *verdict = json_pack("{s:s, s:s}", "backup", backup->id, "problem", problem);
    if (json_array_append_new(run->findings, verdict) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "verdicts");
    if (absence->count++ == 0)
        (void)snprintf(absence->first, sizeof(absence->first), "%s", backup->name);
    return STATUS_OK;
}

/* The verdicts go in pages; the last one carries what there is to say of the repository. */
static enum status send_verdicts(struct run *run, const char *damage, struct error *err)
{
    const struct task *task = run->subject;
    size_t count = json_array_size(run->findings);
    size_t sent = 0;
    do {
        json_auto_t *page = json_array();
        for (size_t i = 0; i < PAGE_ENTRIES && sent < count; i++, sent++)
            if (json_array_append(page, json_array_get(run->findings, sent)) != 0)
                return FAIL(err, STATUS_NO_MEMORY, "verdicts");
        const struct store_verdicts verdicts = {
            .complete = task->sample >= 100,
            .is_last = sent == count,
            .backups = page,
            .damage = damage,
        };
        if (store_verify_report(run->store, &run->job, &verdicts, err) != STATUS_OK)
            return error_status(err);
    } while (sent < count);
    return STATUS_OK;
}

static enum status tell(struct run *run, enum status status, const struct error *cause,
                        struct error *err)
{
    bool damaged = status == STATUS_CORRUPT && error_is(cause, REASON_DATA_DAMAGED);
    if (status != STATUS_OK && !damaged)
        return STATUS_OK;
    struct absence absence = {.run = run};
    if (run->findings_complete &&
        backups_each(run->store, &run->job, judge_absent, &absence, err) != STATUS_OK)
        return FAIL_IN(err, "backups of the app");
    if (send_verdicts(run, damaged ? cause->text : "", err) != STATUS_OK)
        return error_status(err);
    if (damaged || absence.count == 0)
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_CORRUPT, REASON_DATA_DAMAGED,
                       "%zu backups are gone from the bucket, the first is '%s'", absence.count,
                       absence.first);
}

const struct kind kind_verify = {
    .subject = &subject_task,
    .first_state = BACKUP_RUNNING,
    .run = run_verify,
    .tell = tell,
};
