/*
 * Process: a child of the daemon that is to run as long as the daemon does. It is started again
 * when it ends, ever later; it is sent SIGTERM when the daemon dies, however that comes about.
 *
 * Threads   the loop's
 */
#ifndef MAIN_DAEMON_PROCESS_H
#define MAIN_DAEMON_PROCESS_H

#include "core/error.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_ARGUMENTS_MAX = 32 };

struct process;

/* The process has ended. It was told to, or it should still run and will be started again. */
typedef void process_ended_fn(void *context, struct process *process);

struct process {
    const char *name;                        /* for the log; borrowed */
    const char *argv[PROCESS_ARGUMENTS_MAX]; /* NULL-terminated; borrowed; argv[0] is a path */
    int kept_fd;                             /* the one descriptor it inherits; 0: none */
    process_ended_fn *on_end;
    void *context;
    struct event *timer; /* to start it again, or to kill it */
    pid_t pid;           /* 0: not running */
    int64_t started_mono_ms;
    int64_t delay_ms; /* before the next start */
    int quick_ends;   /* ends in a row that came soon after the start */
    bool stopping;
};

/* name, argv, kept_fd, on_end and context are set by the caller, all else is zero. */
enum status process_init(struct process *process, struct event_base *base, struct error *err)
    MUST_CHECK;
void process_done(struct process *process); /* kills what still runs; zeros are fine */

enum status process_start(struct process *process, struct error *err) MUST_CHECK;

/* SIGTERM, and SIGKILL after grace_ms; on_end says when it is over. False: it does not run. */
bool process_stop(struct process *process, int64_t grace_ms);
void process_signal(const struct process *process, int signal_number);

/* After SIGCHLD: if this one has ended, note it. */
void process_reap(struct process *process);

#endif
