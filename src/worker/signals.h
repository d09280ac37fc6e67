/*
 * Signals: SIGTERM and SIGINT end a process in order, whichever it is.
 *
 * Supervisor  all are blocked and read from a signalfd(2).
 * Job         inherits the mask, so that none is lost between fork and the handlers. SIGHUP does
 *             nothing: `restic unlock` sends it to the process named in a lock, to see if it lives.
 *             Handlers rather than SIG_IGN, which hooks would inherit. SIGUSR1, from its
 *             supervisor, means that the configuration has changed: it stays blocked in all
 *             threads, and limits.h reads it from a signalfd(2).
 */
#ifndef WORKER_SIGNALS_H
#define WORKER_SIGNALS_H

#include "core/cancel.h"
#include "core/error.h"

/* Caller closes *ret_fd. */
enum status signals_to_descriptor(int *ret_fd, struct error *err) MUST_CHECK;

/* Until the process ends: the cancel must live as long. */
enum status signals_to_cancel(struct cancel *cancel, struct error *err) MUST_CHECK;

/* In a forked child that goes on with this program's code: as after exec in a new process. */
void signals_reset(void);

#endif
