/*
 * Slots: the job processes of a supervisor. A slot holds one claim from the fork of its process
 * until all is said about it:
 *
 *   free -> running -> free                           it finished its claim itself
 *                   -> unwinding -> telling -> free   it died: its undo runs in a process of its
 *                                                     own, since a hook may take long; then Redis
 *                                                     is told, again and again while it is away
 */
#ifndef WORKER_SLOTS_H
#define WORKER_SLOTS_H

#include "access/work.h"
#include "core/error.h"
#include "job_exit.h"
#include "model/job.h"
#include "node_config.h"
#include "stall_watch.h"
#include "system.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SLOTS_MAX = 64 }; /* as the configuration allows */

enum slot_phase { SLOT_FREE = 0, SLOT_RUNNING, SLOT_UNWINDING, SLOT_TELLING };

struct slot {
    enum slot_phase phase;
    pid_t pid;    /* running, unwinding */
    bool stopped; /* we sent SIGKILL */
    int keys;     /* running: our end of its key channel, or -1 */
    int group; /* where its next process goes (cgroups_enter()), or -1; closed once it is there */
    struct job job;
    struct stall_watch watch; /* running */
    struct job_output output; /* its pipe is open while running, its tail is good until told */
    struct job_exit exit;     /* from unwinding on */
};

struct slots {
    struct slot *items; /* owned */
    size_t count;
};

/* Grows to this number. Fewer slots than there are change nothing: none is taken away from under a
 * job. */
enum status slots_grow(struct slots *slots, size_t count, struct error *err) MUST_CHECK;
void slots_done(struct slots *slots);

/* How many are not free. */
size_t slots_used(const struct slots *slots);
/* Returns NULL when all are in use. */
struct slot *slots_find_free(struct slots *slots);

/* Starts program --config PATH --job ID --epoch N --keys FD --log FD for the claim in slot->job.
 * The new process gets SIGTERM when ours dies. The key is what is known of the job's repository. */
enum status slot_start_job(struct slot *slot, const struct worker_system *system,
                           const char *program, const char *config_path, const struct work_key *key,
                           struct error *err) MUST_CHECK;

/* Takes the key that the job has given back so far, if any. */
void slot_take_key(const struct slot *slot, struct work_key *ret_key);

/* Starts a process that unwinds the job in the slot; it lives on if we die. */
enum status slot_start_unwinding(struct slot *slot, const struct worker_system *system,
                                 const struct node_directories *directories, struct error *err)
    MUST_CHECK;

/* Has its process ended? Reaps it; *ret_wait_status is that of waitpid(2). */
bool slot_has_ended(const struct slot *slot, const struct worker_system *system,
                    int *ret_wait_status);

#endif
