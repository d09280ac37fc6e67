/*
 * Signals: SIGTERM and SIGINT end a process in order, whichever it is.
 *
 * Supervisor  It blocks all signals that it listens to, and reads them from a signalfd(2).
 * Job         It inherits the mask, so that none is lost between fork and the handlers. SIGHUP does
 *             nothing: `restic unlock` sends it to the process named in a lock, to see if it lives.
 *             There are handlers rather than SIG_IGN, which hooks would inherit. SIGUSR1, from its
 *             supervisor, means that the configuration has changed: it stays blocked in all
 *             threads, and limits.h reads it from a signalfd(2).
 */
#ifndef WORKER_SIGNALS_H
#define WORKER_SIGNALS_H

#include "core/cancel.h"
#include "core/error.h"

/* Blocks the signals of a supervisor. Caller closes *ret_fd, from which they are read. */
enum status signals_to_descriptor(int *ret_fd, struct error *err) MUST_CHECK;

/* Makes the signals of a job request this cancel until the process ends: it must live as long. */
enum status signals_to_cancel(struct cancel *cancel, struct error *err) MUST_CHECK;

/* Gives a forked child that goes on with this program's code the signals of a new process. */
void signals_reset(void);

#endif
