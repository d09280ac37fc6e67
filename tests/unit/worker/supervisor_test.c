/*
 * The supervisor's work on its slots, from the claim of a job to what is said of its end.
 */
#include "src/worker/supervisor.h"

#include "fake_system.h"
#include "worker/worker.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

enum { SLOTS = 2, DRAIN_S = 30, LEASE_MS = 15000, KILLS_MAX = 3 };

static struct config config = {
    .node = "node1",
    .worker = {
        .slots = SLOTS, .lease_ms = LEASE_MS, .kills_max = KILLS_MAX, .drain_timeout_s = DRAIN_S}};
static struct supervisor supervisor;

static void set_up(void)
{
    struct error err = {0};
    fake.now_ms = 1000000;
    supervisor = (struct supervisor){.system = &fake_system,
                                     .program = "/nonexistent/appbackup-worker",
                                     .config_path = "/nonexistent/appbackup.yaml",
                                     .node = {.config = &config},
                                     .lock = JOB_LOCK_NONE,
                                     .signals = -1};
    for (size_t i = 0; i < HELPER_COUNT; i++)
        helper_init(&supervisor.helpers[i], &helper_kinds[i]);
    cr_assert(eq(int, (int)key_ring_new(&supervisor.keys, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)slots_grow(&supervisor.slots, SLOTS, &err), STATUS_OK), "%s", err.text);
}

static void tear_down(void)
{
    for (size_t i = 0; i < supervisor.slots.count; i++)
        job_output_close(&supervisor.slots.items[i].output);
    slots_done(&supervisor.slots);
    key_ring_free(supervisor.keys);
}

static enum status claim(void)
{
    struct error err = {0};
    supervisor.claim_ms = 0;
    return supervisor_claim(&supervisor, &err);
}

static enum status report_ends(void)
{
    struct error err = {0};
    return supervisor_report_ends(&supervisor, &err);
}

static struct slot *slot(size_t index)
{
    return &supervisor.slots.items[index];
}

/* A job that runs in the first slot, as FAKE_FIRST_PID. */
static void start_one(void)
{
    fake.waiting = 1;
    cr_assert(eq(int, (int)claim(), STATUS_OK));
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_RUNNING));
    cr_assert(eq(int, slot(0)->pid, FAKE_FIRST_PID));
}

static void end(pid_t pid, int wait_status)
{
    fake_end_process(pid, wait_status);
    supervisor_reap(&supervisor);
}

static int exit_status(int code)
{
    return code << 8;
}

TestSuite(claims, .init = set_up, .fini = tear_down);

Test(claims, fill_the_slots_and_no_more)
{
    fake.waiting = 5;

    cr_assert(eq(int, (int)claim(), STATUS_OK));

    cr_assert(eq(int, fake.claims, SLOTS));
    cr_assert(eq(int, fake.process_count, SLOTS));
    cr_assert(eq(sz, slots_used(&supervisor.slots), (size_t)SLOTS));
    cr_assert(eq(ptr, slots_find_free(&supervisor.slots), NULL));
    cr_assert(eq(i64, slot(1)->job.epoch, 2));
    (void)claim();
    cr_assert(eq(int, fake.claims, SLOTS));
}

Test(claims, go_on_in_a_slot_that_has_become_free)
{
    fake.waiting = 3;
    (void)claim();
    end(FAKE_FIRST_PID, exit_status(WORKER_EXIT_FINISHED));
    cr_assert(eq(i64, supervisor.claim_ms, 0), "at once");

    (void)claim();

    cr_assert(eq(int, fake.claims, 3));
    cr_assert(eq(i64, slot(0)->job.epoch, 3));
    cr_assert(eq(i64, slot(1)->job.epoch, 2));
}

Test(claims, are_more_after_a_reload_with_more_slots)
{
    struct error err = {0};
    fake.waiting = 5;
    (void)claim();
    pid_t first = slot(0)->pid;

    config.worker.slots = SLOTS + 1;
    cr_assert(eq(int, (int)slots_grow(&supervisor.slots, SLOTS + 1, &err), STATUS_OK));
    (void)claim();

    cr_assert(eq(int, fake.claims, SLOTS + 1));
    cr_assert(eq(int, slot(0)->pid, first), "a job stays in its slot");
}

Test(claims, wait_after_a_reload_with_fewer_slots_until_enough_jobs_have_ended)
{
    struct error err = {0};
    fake.waiting = 5;
    (void)claim();
    config.worker.slots = 1;
    cr_assert(eq(int, (int)slots_grow(&supervisor.slots, 1, &err), STATUS_OK));

    end(slot(0)->pid, exit_status(WORKER_EXIT_FINISHED));
    (void)claim();
    cr_assert(eq(int, fake.claims, SLOTS), "one still runs, and one is allowed");

    end(slot(1)->pid, exit_status(WORKER_EXIT_FINISHED));
    (void)claim();
    cr_assert(eq(int, fake.claims, SLOTS + 1));
}

Test(claims, pass_over_a_slot_whose_job_is_being_unwound)
{
    start_one();
    end(FAKE_FIRST_PID, SIGSEGV);
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_UNWINDING));

    fake.waiting = 5;
    (void)claim();

    cr_assert(eq(int, fake.claims, SLOTS), "it counts as one in use");
    cr_assert(eq(i64, slot(0)->job.epoch, 1));
    cr_assert(eq(i64, slot(1)->job.epoch, 2));
}

Test(claims, come_once_a_period)
{
    struct error err = {0};
    supervisor.claim_ms = 0;
    (void)supervisor_claim(&supervisor, &err);
    int64_t due_ms = supervisor.claim_ms;
    cr_assert(lt(i64, fake.now_ms, due_ms));

    fake.now_ms = due_ms - 1;
    (void)supervisor_claim(&supervisor, &err);
    cr_assert(eq(int, fake.sweeps, 1));
    fake.now_ms = due_ms;
    (void)supervisor_claim(&supervisor, &err);
    cr_assert(eq(int, fake.sweeps, 2));
}

Test(claims, are_handed_back_when_their_process_cannot_be_started)
{
    fake.waiting = 1;
    fake.fork_fails = true;
    cr_assert(eq(int, (int)claim(), STATUS_OK));
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_TELLING));

    cr_assert(eq(int, (int)report_ends(), STATUS_OK));

    cr_assert(eq(int, fake.finishes, 1));
    cr_assert(eq(int, (int)fake.finished_as, STORE_OUTCOME_RELEASED));
    cr_assert(lt(i64, 0, fake.finish_delay_ms), "not at once: it would fail again");
    cr_assert(ne(ptr, strstr(fake.evidence, "fork"), NULL), "%s", fake.evidence);
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_FREE));
}

Test(claims, end_at_a_redis_that_is_away)
{
    fake.waiting = 1;
    fake.failure = STATUS_UNAVAILABLE;

    supervisor_catch_up(&supervisor);
    cr_assert(supervisor.away);
    cr_assert(eq(int, fake.calls, 1), "the first failure ends the turn");
    fake.now_ms += SUPERVISOR_RETRY_MS - 1;
    supervisor_catch_up(&supervisor);
    cr_assert(eq(int, fake.calls, 1));
    fake.now_ms += 1;
    supervisor_catch_up(&supervisor);
    cr_assert(eq(int, fake.calls, 2));
}

TestSuite(children, .init = set_up, .fini = tear_down);

Test(children, that_have_finished_their_claim_leave_nothing_to_say)
{
    start_one();

    end(FAKE_FIRST_PID, exit_status(WORKER_EXIT_FINISHED));
    (void)report_ends();

    cr_assert(eq(int, (int)slot(0)->phase, SLOT_FREE));
    cr_assert(eq(int, fake.finishes + fake.deaths, 0));
    cr_assert(eq(i64, supervisor.helpers[HELPER_LEFTOVERS].due_ms, 0),
              "what it left is looked for");
}

Test(children, that_run_are_left_alone)
{
    start_one();

    supervisor_reap(&supervisor);

    cr_assert(eq(int, (int)slot(0)->phase, SLOT_RUNNING));
    cr_assert(eq(int, fake.signal_count, 0));
}

Test(children, that_died_are_unwound_before_redis_is_told)
{
    start_one();
    (void)snprintf(fake.job_stage, sizeof(fake.job_stage), "upload");
    fake.job_kills = 2;
    fake.verdict = STORE_VERDICT_RETRY;

    end(FAKE_FIRST_PID, SIGSEGV);
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_UNWINDING));
    (void)report_ends();
    cr_assert(eq(int, fake.deaths, 0), "its undo runs");
    end(FAKE_FIRST_PID + 1, 0);
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_TELLING));
    cr_assert(eq(int, (int)report_ends(), STATUS_OK));

    cr_assert(eq(int, fake.deaths, 1));
    cr_assert(eq(str, fake.evidence, "killed by signal 11 in stage upload"));
    cr_assert(eq(i64, fake.finish_delay_ms, 2000), "a second for each earlier kill");
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_FREE));
}

Test(children, that_could_not_be_unwound_are_told_all_the_same)
{
    start_one();
    end(FAKE_FIRST_PID, SIGSEGV);

    end(FAKE_FIRST_PID + 1, exit_status(1));
    (void)report_ends();

    cr_assert(eq(int, fake.deaths, 1));
}

Test(children, are_told_of_again_until_redis_is_back)
{
    start_one();
    end(FAKE_FIRST_PID, SIGSEGV);
    end(FAKE_FIRST_PID + 1, 0);
    fake.failure = STATUS_UNAVAILABLE;

    cr_assert(eq(int, (int)report_ends(), STATUS_UNAVAILABLE));
    cr_assert(eq(int, (int)slot(0)->phase, SLOT_TELLING));
    fake.failure = STATUS_OK;
    cr_assert(eq(int, (int)report_ends(), STATUS_OK));

    cr_assert(eq(int, (int)slot(0)->phase, SLOT_FREE));
    cr_assert(eq(str, fake.evidence, "killed by signal 11"),
              "said once, however often it is tried");
}

Test(children, whose_claim_is_anothers_by_now_free_their_slot)
{
    start_one();
    end(FAKE_FIRST_PID, SIGSEGV);
    end(FAKE_FIRST_PID + 1, 0);
    fake.failure = STATUS_LOST;

    cr_assert(eq(int, (int)report_ends(), STATUS_OK));

    cr_assert(eq(int, (int)slot(0)->phase, SLOT_FREE));
}

Test(children, keep_their_claim_while_they_are_unwound)
{
    struct error err = {0};
    start_one();
    end(FAKE_FIRST_PID, SIGSEGV);

    cr_assert(eq(int, (int)supervisor_heartbeat(&supervisor, &err), STATUS_OK));

    cr_assert(eq(int, fake.renewals, 1));
    cr_assert(eq(i64, fake.lease_ms, LEASE_MS));
    cr_assert(eq(int, fake.heartbeats, 1));
    cr_assert(eq(i64, fake.heartbeat_running, 1));
}

Test(children, renew_their_claims_themselves_while_they_run)
{
    struct error err = {0};
    start_one();

    (void)supervisor_heartbeat(&supervisor, &err);

    cr_assert(eq(int, fake.renewals, 0));
}

Test(children, are_registered_anew_in_a_redis_that_has_been_emptied)
{
    struct error err = {0};
    supervisor.register_ms = 5000000;
    fake.failure = STATUS_NOT_FOUND;

    cr_assert(eq(int, (int)supervisor_heartbeat(&supervisor, &err), STATUS_OK));

    cr_assert(eq(i64, supervisor.register_ms, 0));
}

TestSuite(stop, .init = set_up, .fini = tear_down);

Test(stop, asks_the_jobs_to_end_and_claims_no_more)
{
    start_one();
    fake.waiting = 1;

    supervisor_stop(&supervisor);
    (void)claim();

    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGTERM), 1));
    cr_assert(eq(int, fake.claims, 1));
    cr_assert(not(supervisor_has_stopped(&supervisor)));
}

Test(stop, is_over_when_the_last_job_has_ended)
{
    start_one();
    supervisor_stop(&supervisor);

    end(FAKE_FIRST_PID, exit_status(WORKER_EXIT_FINISHED));

    cr_assert(supervisor_has_stopped(&supervisor));
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 0));
}

Test(stop, kills_a_job_that_has_not_ended_when_the_drain_is_over)
{
    start_one();
    supervisor_stop(&supervisor);
    fake.now_ms += DRAIN_S * 1000 - 1;
    cr_assert(not(supervisor_has_stopped(&supervisor)));
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 0));

    fake.now_ms += 1;
    cr_assert(not(supervisor_has_stopped(&supervisor)));

    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGKILL), 1));
}

/* It did not die at work: it was stopped, and the stop is no fault of the job. */
Test(stop, hands_back_the_claim_of_a_job_that_it_has_killed)
{
    start_one();
    supervisor_stop(&supervisor);
    fake.now_ms += DRAIN_S * 1000;
    (void)supervisor_has_stopped(&supervisor);

    end(FAKE_FIRST_PID, SIGKILL);
    end(FAKE_FIRST_PID + 1, 0);
    (void)report_ends();

    cr_assert(eq(int, fake.deaths, 0));
    cr_assert(eq(int, (int)fake.finished_as, STORE_OUTCOME_RELEASED));
    cr_assert(eq(i64, fake.finish_delay_ms, 0), "others may go on at once");
    cr_assert(supervisor_has_stopped(&supervisor));
}

Test(stop, does_not_lengthen_when_it_is_asked_for_again)
{
    start_one();
    supervisor_stop(&supervisor);
    int64_t kill_ms = supervisor.stop_kill_ms;
    fake.now_ms += 1000;

    supervisor_stop(&supervisor);

    cr_assert(eq(i64, supervisor.stop_kill_ms, kill_ms));
    cr_assert(eq(int, fake_count_signals(FAKE_FIRST_PID, SIGTERM), 2));
}

Test(stop, does_not_wait_for_ever_for_a_redis_that_is_away)
{
    start_one();
    fake.failure = STATUS_UNAVAILABLE;
    supervisor_stop(&supervisor);
    fake.now_ms += DRAIN_S * 1000;
    (void)supervisor_has_stopped(&supervisor);
    end(FAKE_FIRST_PID, SIGKILL);
    end(FAKE_FIRST_PID + 1, 0);
    (void)report_ends();
    cr_assert(not(supervisor_has_stopped(&supervisor)));

    fake.now_ms += 10000;

    cr_assert(supervisor_has_stopped(&supervisor));
}

TestSuite(registration, .init = set_up, .fini = tear_down);

Test(registration, asks_for_the_helpers_once_it_is_one_anew)
{
    struct error err = {0};
    (void)supervisor_register(&supervisor, &err);
    cr_assert(eq(i64, supervisor.helpers[HELPER_PROBE].due_ms, 0));
    cr_assert(eq(i64, supervisor.helpers[HELPER_CATALOG].due_ms, 0));

    supervisor.helpers[HELPER_PROBE].due_ms = HELPER_NEVER;
    fake.now_ms = supervisor.register_ms;
    (void)supervisor_register(&supervisor, &err);

    cr_assert(eq(int, fake.registrations, 2));
    cr_assert(eq(i64, supervisor.helpers[HELPER_PROBE].due_ms, HELPER_NEVER), "a routine one");
}
