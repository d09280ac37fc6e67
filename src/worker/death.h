/* Death: how a job process ended, and what has to be said about it. The one place that knows. */
#ifndef WORKER_DEATH_H
#define WORKER_DEATH_H

#include <stdbool.h>
#include <stddef.h>

enum death_kind {
    DEATH_NONE,    /* the claim is finished, or another's: nothing to say */
    DEATH_RETURNS, /* it ended in order but could not say so: hand the claim back */
    DEATH_KILLED   /* it died at work: counts towards quarantine */
};

enum { DEATH_EVIDENCE_SIZE = 512 }; /* as Redis keeps of a reason */

struct death {
    enum death_kind kind;
    char evidence[DEATH_EVIDENCE_SIZE]; /* "killed by signal 9": for people */
};

/* wait_status: of waitpid(2). stopped: we killed it ourselves, because it did not stop in time. */
struct death death_of(int wait_status, bool stopped);

/* Appends " in stage <stage>"; "" adds nothing. */
void death_add_stage(struct death *death, const char *stage);

/* Appends "; last output: " and the end of what it wrote, any bytes, as one line: up to 384 bytes,
 * from the beginning of a line if one is among them. Nothing adds nothing. */
void death_add_output(struct death *death, const char *tail, size_t len);

#endif
