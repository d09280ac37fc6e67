/*
 * Job log: the story of one job as the log tells it, so that `journalctl BACKUP_ID=…` has all of
 * it: every stage entered and left, every hook, every warning. What hooks print is not logged: it
 * is in the record, where those look who may see it.
 */
#ifndef WORKER_JOB_LOG_H
#define WORKER_JOB_LOG_H

#include "access/work.h"
#include "core/log.h"
#include "lease.h"
#include "model/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields that say which job a line is about; the supervisor, whose lines are about many jobs,
 * gives them each time. */
#define JOB_FIELDS(job)                                                                       \
    LOG_TEXT("job", (job)->id), LOG_TEXT("kind", job_kind_name((job)->kind)),                 \
        LOG_TEXT(job_subject_name((job)->kind), (job)->subject), LOG_TEXT("app", (job)->app), \
        LOG_NUMBER("attempt", (job)->attempt)

struct job_log {
    char stage[LEASE_STAGE_SIZE]; /* "": none yet */
    int64_t since_ms;
    size_t warnings;  /* how many of them have been logged */
    bool has_volumes; /* they have been logged */
};

/* In every line from here on are JOB_FIELDS, app_name, and the backup that the job's subject is
 * about ("": none, or the subject itself). Hooks are logged from here on, too. */
void job_log_begin(const struct job *job, const char *app_name, const char *backup);

/* Does for a process that only unwinds what job_log_begin() does, as far as JOB_FIELDS go. */
void job_log_begin_unwinding(const struct job *job);
void job_log_hooks(void);

void job_log_report(struct job_log *log, const struct work_report *report);

/* Logs the end of the last stage, and the warnings that have come since the last report. */
void job_log_end(struct job_log *log, const json_t *state_details);

#endif
