/*
 * Fake system: the clock, the processes and the Redis of the worker's tests. Time stands still
 * until a test moves it, processes are numbers that end when a test says so, and Redis answers what
 * the test has put here. Criterion runs each test in a process of its own, which starts with zeros.
 */
#ifndef TESTS_UNIT_WORKER_FAKE_SYSTEM_H
#define TESTS_UNIT_WORKER_FAKE_SYSTEM_H

#include "src/worker/system.h"

enum { FAKE_PROCESSES_MAX = 32, FAKE_SIGNALS_MAX = 64, FAKE_FIRST_PID = 100000 };

struct fake_process {
    bool has_ended, is_reaped;
    int wait_status;
};

struct fake_signal {
    pid_t pid;
    int number;
};

struct fake_system_state {
    int64_t now_ms;

    bool fork_fails;
    struct fake_process processes[FAKE_PROCESSES_MAX]; /* FAKE_FIRST_PID is the first */
    int process_count;
    struct fake_signal signals[FAKE_SIGNALS_MAX];
    int signal_count;

    /* Redis. What each call does next: STATUS_OK, or this failure, after delay_ms on the clock. */
    enum status failure;
    int64_t delay_ms;
    int calls; /* of all kinds, those that fail too */

    int renewals, advances;
    enum store_lease lease_answer;
    struct store_progress progress; /* of the last renewal; its texts are gone but for the stage */
    char stage[64];                 /* of the last renewal; "": it had none */
    enum backup_state advanced_to;
    int64_t lease_ms;

    int waiting; /* jobs in the queue, claimed as epochs 1, 2, 3 ... */
    int claims;  /* that have found a job */
    int registrations, sweeps, heartbeats;
    int64_t heartbeat_running; /* what the last heartbeat said */

    int finishes, deaths;
    enum status finish_failure; /* of a finish, finish_failures times; 0: always */
    int finish_failures;
    enum store_outcome finished_as;
    struct store_progress finish_progress; /* its texts and arrays are gone */
    int64_t finish_delay_ms;
    char evidence[600]; /* of the last finish or death */
    enum store_verdict verdict;
    int64_t job_kills; /* as job_get() knows of every job */
    char job_stage[32];
};

extern struct fake_system_state fake;
extern const struct worker_system fake_system;

void fake_end_process(pid_t pid, int wait_status);
/* How often this process got this signal. */
int fake_count_signals(pid_t pid, int number);

#endif
