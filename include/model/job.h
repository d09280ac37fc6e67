/*
 * Job: one unit of work in the queue.
 *
 * Source    src/model/job_kinds.yaml declares the kinds: enum job_kind, enum job_subject and
 *           job_kind_table[] are made from it; src/model/states.yaml the states
 * Redis     hash job:<id>: id kind subject account app bucket node state stage attempt failures
 *           kills epoch worker lease_until_ms created_ms cancel reason
 * States    queued | delayed | claimed | done | quarantined
 * Units     *_ms wall clock, by the clock of Redis
 */
#ifndef MODEL_JOB_H
#define MODEL_JOB_H

#include "core/error.h"
#include "core/id.h"
#include "model/job_kinds.h" /* IWYU pragma: export */
#include "model/names.h"

#include <stdbool.h>
#include <stdint.h>

struct job {
    char id[ID_SIZE];
    enum job_kind kind;
    char subject[ID_SIZE]; /* what it works on: a backup, a task (job_subject_name()) */
    char account[ID_SIZE];
    char app[ID_SIZE];
    char bucket[ID_SIZE];
    char node[NODE_NAME_SIZE];
    char state[16];
    char stage[32];
    char worker[80];  /* "<node prefix>:<pid>:<start>", for people */
    int64_t attempt;  /* 1 for the first claim */
    int64_t failures; /* how many of the claims ended in a failure that may pass: retries */
    int64_t kills;    /* how often it took its process with it */
    int64_t epoch;    /* the fence: grows with every claim */
    int64_t lease_until_ms;
    int64_t created_ms;
    char reason[512]; /* why it waits, failed or was quarantined */
};

const char *job_kind_name(enum job_kind kind);    /* "backup", "delete", "restore", ... */
const char *job_subject_name(enum job_kind kind); /* what it works on: "backup", "task", ... */
enum job_kind job_kind_from_name(const char *name);
enum status job_set_field(struct job *job, const char *field, const char *value, struct error *err)
    MUST_CHECK;

#endif
