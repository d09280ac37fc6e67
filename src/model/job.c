#include "model/job.h"

#include "fields.h"

static const struct field fields[] = {
    FIELD(FIELD_ID, struct job, id),
    CHOICE_FIELD(struct job, kind, job_kind_names),
    FIELD(FIELD_ID, struct job, subject),
    FIELD(FIELD_ID, struct job, account),
    FIELD(FIELD_ID, struct job, app),
    FIELD(FIELD_ID, struct job, bucket),
    FIELD(FIELD_HOST, struct job, node),
    FIELD(FIELD_TEXT, struct job, state),
    FIELD(FIELD_TEXT, struct job, stage),
    FIELD(FIELD_TEXT, struct job, worker),
    FIELD(FIELD_INTEGER, struct job, attempt),
    FIELD(FIELD_INTEGER, struct job, failures),
    FIELD(FIELD_INTEGER, struct job, kills),
    FIELD(FIELD_INTEGER, struct job, epoch),
    FIELD(FIELD_INTEGER, struct job, lease_until_ms),
    FIELD(FIELD_INTEGER, struct job, created_ms),
    FIELD(FIELD_TEXT, struct job, reason),
};

const char *job_kind_name(enum job_kind kind)
{
    return (unsigned)kind < JOB_KIND_COUNT ? job_kind_names[kind] : "";
}

const char *job_subject_name(enum job_kind kind)
{
    return (unsigned)kind < JOB_KIND_COUNT ? job_subject_names[job_kind_table[kind].subject] : "";
}

enum job_kind job_kind_from_name(const char *name)
{
    return (enum job_kind)NAMES_FIND(job_kind_names, name);
}

enum status job_set_field(struct job *job, const char *field, const char *value, struct error *err)
{
    return FIELDS_SET(fields, job, field, value, err);
}
