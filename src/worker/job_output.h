/*
 * Job output: what a job process writes to its stderr. It goes on to ours as it comes, and the end
 * of it is kept: the last words of a process that dies, an assertion or a sanitizer's report, are
 * part of the evidence.
 *
 * Lines     a line of the log is one write(2) of at most PIPE_BUF bytes, and all that is in the
 *           pipe is taken at once: lines of two jobs do not mix.
 * Blocking  reading never does; a job that writes waits when 64 KiB have not been read. A job whose
 *           supervisor is dead falls back to what the supervisor had as stderr: log_set_fallback().
 */
#ifndef WORKER_JOB_OUTPUT_H
#define WORKER_JOB_OUTPUT_H

#include "core/error.h"

#include <stddef.h>

enum { JOB_OUTPUT_TAIL = 2048 };

struct job_output {
    int fd; /* the reading end; -1: closed */
    size_t len;
    char tail[JOB_OUTPUT_TAIL]; /* any bytes */
};

/* *ret_end is the job's, to become its stderr. Both are close-on-exec. */
enum status job_output_open(struct job_output *output, int *ret_end, struct error *err) MUST_CHECK;

/* What there is; closes the pipe when nothing more can come. */
void job_output_pass_on(struct job_output *output);

/* The tail stays. */
void job_output_close(struct job_output *output);

#endif
