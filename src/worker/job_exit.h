/*
 * Job exit: how a job process ended, and what has to be said about it. For that, the end of what
 * it writes to its stderr is kept while all of it goes on to ours as it comes: the last words of a
 * process that dies, an assertion or a sanitizer's report, are part of the evidence.
 *
 * Lines     A line of the log is one write(2) of at most PIPE_BUF bytes, and all that is in the
 *           pipe is taken at once: lines of two jobs do not mix.
 * Blocking  Reading never blocks; a job that writes waits when 64 KiB have not been read. A job
 *           whose supervisor is dead falls back to what the supervisor had as stderr:
 *           log_set_fallback().
 */
#ifndef WORKER_JOB_EXIT_H
#define WORKER_JOB_EXIT_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum job_exit_kind {
    JOB_EXIT_NONE,    /* the claim is finished, or another's: nothing to say */
    JOB_EXIT_RETURNS, /* it ended in order but could not say so: hand the claim back */
    JOB_EXIT_KILLED   /* it died at work: counts towards quarantine */
};

enum { JOB_EXIT_EVIDENCE_SIZE = 512 }; /* as Redis keeps of a reason */

struct job_exit {
    enum job_exit_kind kind;
    char evidence[JOB_EXIT_EVIDENCE_SIZE]; /* "killed by signal 9": for people */
};

/* wait_status is that of waitpid(2). stopped: we killed the job ourselves, because it did not stop
 * in time. */
struct job_exit job_exit_of(int wait_status, bool stopped);

/* Appends " in stage <stage>"; "" adds nothing. */
void job_exit_add_stage(struct job_exit *end, const char *stage);

/* Appends "; last output: " and the end of what it wrote, any bytes, as one line: up to 384 bytes,
 * from the beginning of a line if one is among them. An empty output adds
 * nothing. */
void job_exit_add_output(struct job_exit *end, const char *tail, size_t len);

enum { JOB_OUTPUT_TAIL = 2048 };

struct job_output {
    int fd; /* the reading end; -1: closed */
    size_t len;
    char tail[JOB_OUTPUT_TAIL]; /* any bytes */
};

/* *ret_end is the end that becomes the stderr of the job. Both ends are close-on-exec. */
enum status job_output_open(struct job_output *output, int *ret_end, struct error *err) MUST_CHECK;

/* Passes on and keeps what is in the pipe; closes it when nothing more can come. */
void job_output_pass_on(struct job_output *output);

/* Closes the pipe; the tail stays. */
void job_output_close(struct job_output *output);

#endif
