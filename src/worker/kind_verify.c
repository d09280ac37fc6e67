/*
 * The kind verify: a repository is read, and compared with what was written and with the records.
 */
#include "backups.h"
#include "core/cleanup.h"
#include "kinds.h"
#include "maintenance/maintenance.h"
#include "run.h"
#include "store/blocking.h"

#include <stdio.h>
#include <string.h>

enum { PAGE_ENTRIES = 500 };

struct absence {
    struct run *run;
    json_t *verdicts;  /* of the backups that are not among the findings */
    json_t *snapshots; /* theirs, for verify_check_absent() */
    char first[NAME_SIZE];
};

/* Notes a backup that Redis believes to be completed in this bucket, and that has no snapshot. */
static enum status note_absent(void *context, const struct backup *backup, struct error *err)
{
    struct absence *absence = context;
    const struct run *run = absence->run;
    bool is_meant =
        backup->state == BACKUP_COMPLETED && strcmp(backup->bucket, run->job.bucket) == 0;
    if (!is_meant || backups_have(run->findings, backup->id))
        return STATUS_OK;
    char problem[RESTIC_ID_SIZE + 64];
    (void)snprintf(problem, sizeof(problem), "snapshots/%s is gone or cannot be read",
                   backup->repository_snapshot);
    json_t *verdict = json_pack("{s:s, s:s}", "backup", backup->id, "problem", problem);
    if (json_array_append_new(absence->verdicts, verdict) != 0 ||
        json_array_append_new(absence->snapshots, json_string(backup->repository_snapshot)) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "verdicts");
    if (absence->first[0] == '\0')
        (void)snprintf(absence->first, sizeof(absence->first), "%s", backup->name);
    return STATUS_OK;
}

static enum status list_absent(struct absence *absence, struct error *err)
{
    CLEANUP(store_closep) struct store *store = NULL;
    struct store_options options = node_config_store_options(&absence->run->node);
    if (store_open(&options, &store, err) != STATUS_OK ||
        backups_each(store, &absence->run->job, note_absent, absence, err) != STATUS_OK)
        return FAIL_IN(err, "backups of the app");
    return STATUS_OK;
}

/* No job of the app runs beside this one: all that is completed was so before the snapshots were
 * listed. */
static enum status judge_absent(struct run *run, const struct work *work, struct error *err)
{
    json_auto_t *verdicts = json_array();
    json_auto_t *snapshots = json_array();
    struct absence absence = {.run = run, .verdicts = verdicts, .snapshots = snapshots};
    if (verdicts == NULL || snapshots == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "verdicts");
    if (list_absent(&absence, err) != STATUS_OK ||
        verify_check_absent(work, snapshots, err) != STATUS_OK)
        return error_status(err);
    size_t count = json_array_size(verdicts);
    if (json_array_extend(run->findings, verdicts) != 0)
        return FAIL(err, STATUS_NO_MEMORY, "verdicts");
    if (count == 0)
        return STATUS_OK;
    return FAIL_REASON(err, STATUS_CORRUPT, REASON_DATA_DAMAGED,
                       "%zu backups are gone from the bucket, the first is '%s'", count,
                       absence.first);
}

static bool is_damage(enum status status, const struct error *cause)
{
    return status == STATUS_CORRUPT && error_is(cause, REASON_DATA_DAMAGED);
}

static enum status run_verify(struct run *run, const struct work *work, struct error *err)
{
    const struct task *task = run->subject;
    struct verify_verdicts verdicts = {.backups = run->findings};
    const struct verify_plan plan = {
        .work = *work,
        .sample = task->sample > 0 ? task->sample : run->node.config->worker.verify_sample,
    };
    enum status status = verify_run(&plan, &run->result, &verdicts, err);
    if (!verdicts.complete || (status != STATUS_OK && !is_damage(status, err)))
        return status;
    struct error found = *err;
    enum status absent = judge_absent(run, work, err);
    if (status == STATUS_OK || (absent != STATUS_OK && !is_damage(absent, err)))
        return absent;
    *err = found; /* the first damage that was found is the one to name */
    return status;
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
    if (status != STATUS_OK && !is_damage(status, cause))
        return STATUS_OK;
    /* A repository is not damaged because a snapshot was forgotten: then there are no details. */
    bool damaged = status != STATUS_OK && json_array_size(run->result.state_details) > 0;
    return send_verdicts(run, damaged ? cause->text : "", err);
}

const struct kind kind_verify = {
    .subject = &subject_task,
    .first_state = BACKUP_RUNNING,
    .run = run_verify,
    .tell = tell,
};
