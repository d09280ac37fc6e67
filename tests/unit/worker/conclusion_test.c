#include "fake_system.h"
#include "src/worker/run.h"
#include "worker/worker.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

/* The clock stands an hour ahead, so that the thread of the lease asks nothing by itself. */
enum { AHEAD_MS = 3600 * 1000, LEASE_MS = 15000, RETRIES_MAX = 3, DELAY_S = 100 };

static struct config config = {
    .node = "node1",
    .worker = {.retries_max = RETRIES_MAX, .retry_delays_s = {1, DELAY_S}, .retry_delay_count = 2}};
static struct cancel cancel;
static struct run run;

static int told, given_up;
static enum status told_status;
static enum status tell_fails;

static enum status tell(struct run *of, enum status status, const struct error *cause,
                        struct error *err)
{
    (void)of;
    (void)cause;
    told++;
    told_status = status;
    return tell_fails == STATUS_OK ? STATUS_OK : FAIL(err, tell_fails, "backups are gone");
}

static void give_up(const struct node_directories *directories, const struct job *job)
{
    (void)directories;
    (void)job;
    given_up++;
}

static struct kind kind = {.tell = tell, .give_up = give_up};

static void start(enum backup_state first_state)
{
    struct error err = {0};
    kind.first_state = first_state;
    const struct lease_options options = {.system = &fake_system,
                                          .job = &run.job,
                                          .lease_ms = LEASE_MS,
                                          .cancel = &cancel,
                                          .first_state = first_state};
    cr_assert(eq(int, (int)lease_start(&options, &run.lease, &err), STATUS_OK), "%s", err.text);
}

static void set_up(void)
{
    struct error err = {0};
    fake.now_ms = clock_mono_ms() + AHEAD_MS;
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK));
    run = (struct run){.system = &fake_system,
                       .node = {.config = &config},
                       .job = {.kind = JOB_BACKUP},
                       .kind = &kind,
                       .cancel = &cancel};
    cr_assert(eq(int, (int)work_result_init(&run.result, &err), STATUS_OK));
    run.result.bytes_done = 42;
}

static void tear_down(void)
{
    lease_free(run.lease);
    work_result_done(&run.result);
    cancel_done(&cancel);
}

TestSuite(conclude, .init = set_up, .fini = tear_down, .timeout = 60);

static int end_well(void)
{
    return conclude(&run, STATUS_OK, NULL);
}

static int fail(enum status status)
{
    struct error cause = {0};
    (void)FAIL(&cause, status, "the bucket is not there");
    return conclude(&run, status, &cause);
}

static void expect(enum store_outcome outcome, const char *reason)
{
    cr_expect(eq(int, fake.finishes, 1));
    cr_expect(eq(int, (int)fake.finished_as, (int)outcome));
    cr_expect(eq(str, fake.evidence, (char *)(uintptr_t)reason));
}

Test(conclude, completes_what_has_worked)
{
    start(BACKUP_RUNNING);

    cr_assert(eq(int, end_well(), WORKER_EXIT_FINISHED));

    expect(STORE_OUTCOME_COMPLETED, "");
    cr_assert(eq(int, told, 1));
    cr_assert(eq(int, (int)told_status, STATUS_OK));
    cr_assert(eq(i64, fake.finish_progress.bytes_done, 42));
    cr_assert(eq(int, given_up, 0));
}

Test(conclude, reports_no_progress_where_the_subject_stays_as_it_is)
{
    start(BACKUP_STATE_UNSET);

    (void)end_well();

    cr_assert(eq(i64, fake.finish_progress.bytes_done, -1));
}

Test(conclude, says_that_a_backup_runs_before_it_is_completed)
{
    start(BACKUP_DISCOVERING);

    (void)end_well();

    cr_assert(eq(int, fake.advances, 2));
    cr_assert(eq(int, (int)fake.advanced_to, BACKUP_RUNNING));
    expect(STORE_OUTCOME_COMPLETED, "");
}

Test(conclude, says_nothing_of_that_when_it_failed)
{
    start(BACKUP_DISCOVERING);

    (void)fail(STATUS_CORRUPT);

    cr_assert(eq(int, fake.advances, 1), "the one of the start");
}

/* A Redis that was killed may have lost the end of its log. */
Test(conclude, says_again_that_a_backup_runs_to_a_redis_that_has_forgotten_it)
{
    start(BACKUP_DISCOVERING);
    fake.finish_failure = STATUS_CONFLICT;
    fake.finish_failures = 1;

    cr_assert(eq(int, end_well(), WORKER_EXIT_FINISHED));

    cr_assert(eq(int, fake.finishes, 2));
    cr_assert(eq(int, fake.advances, 3));
}

Test(conclude, fails_what_cannot_work)
{
    start(BACKUP_RUNNING);

    cr_assert(eq(int, fail(STATUS_CORRUPT), WORKER_EXIT_FINISHED));

    expect(STORE_OUTCOME_FAILED, "the bucket is not there");
    cr_assert(eq(int, given_up, 1));
    cr_assert(eq(sz, json_array_size(run.result.state_details), 1), "callers see why");
}

Test(conclude, fails_what_has_worked_and_found_damage)
{
    start(BACKUP_RUNNING);
    tell_fails = STATUS_CORRUPT;

    (void)end_well();

    expect(STORE_OUTCOME_FAILED, "backups are gone");
}

Test(conclude, tries_a_passing_failure_again_after_the_delay_of_its_number)
{
    start(BACKUP_RUNNING);
    run.job.failures = 1;

    (void)fail(STATUS_UNAVAILABLE);

    expect(STORE_OUTCOME_RETRY, "the bucket is not there");
    cr_assert(ge(i64, fake.finish_delay_ms, DELAY_S * 800), "%lld",
              (long long)fake.finish_delay_ms);
    cr_assert(le(i64, fake.finish_delay_ms, DELAY_S * 1200));
    cr_assert(eq(int, given_up, 0), "the next attempt goes on with what is kept");
}

Test(conclude, gives_up_after_as_many_retries_as_are_allowed)
{
    start(BACKUP_RUNNING);
    run.job.failures = RETRIES_MAX;

    (void)fail(STATUS_UNAVAILABLE);

    expect(STORE_OUTCOME_FAILED, "the bucket is not there");
    cr_assert(eq(int, given_up, 1));
}

Test(conclude, cancels_what_somebody_wants_canceled)
{
    start(BACKUP_RUNNING);
    cancel_request(&cancel, STATUS_CANCELED);

    (void)fail(STATUS_INTERNAL);

    cr_assert(eq(int, (int)fake.finished_as, STORE_OUTCOME_CANCELED));
    cr_assert(eq(int, given_up, 1));
}

Test(conclude, hands_back_what_a_stop_has_ended)
{
    start(BACKUP_RUNNING);
    cancel_request(&cancel, STATUS_UNAVAILABLE);

    (void)fail(STATUS_INTERNAL);

    expect(STORE_OUTCOME_RELEASED, "the worker stopped");
    cr_assert(eq(i64, fake.finish_delay_ms, 0));
    cr_assert(eq(int, given_up, 0));
}

Test(conclude, names_a_redis_that_was_away_as_the_reason_to_hand_back)
{
    start(BACKUP_RUNNING);
    fake.failure = STATUS_UNAVAILABLE;
    fake.now_ms += LEASE_MS * 2 / 3;
    lease_confirm(run.lease);
    fake.failure = STATUS_OK;

    (void)fail(STATUS_INTERNAL);

    expect(STORE_OUTCOME_RELEASED, "Redis was away for too long");
}

Test(conclude, writes_nothing_of_a_claim_that_is_anothers)
{
    start(BACKUP_RUNNING);
    cancel_request(&cancel, STATUS_LOST);

    cr_assert(eq(int, fail(STATUS_INTERNAL), WORKER_EXIT_LOST));

    cr_assert(eq(int, fake.finishes, 0));
    cr_assert(eq(int, given_up, 0));
}

Test(conclude, asks_a_redis_that_is_away_again)
{
    start(BACKUP_RUNNING);
    fake.finish_failure = STATUS_UNAVAILABLE;
    fake.finish_failures = 3;

    cr_assert(eq(int, end_well(), WORKER_EXIT_FINISHED));

    cr_assert(eq(int, fake.finishes, 4));
}

Test(conclude, does_not_ask_beyond_the_end_of_the_claim)
{
    start(BACKUP_RUNNING);
    int64_t end_ms = lease_end_ms(run.lease);
    fake.finish_failure = STATUS_UNAVAILABLE;

    cr_assert(eq(int, end_well(), WORKER_EXIT_UNFINISHED));

    cr_assert(ge(i64, fake.now_ms, end_ms));
    cr_assert(lt(i64, fake.now_ms, end_ms + 1000));
    cr_assert(lt(int, 10, fake.finishes));
}

Test(conclude, is_content_when_an_end_that_seemed_unwritten_was_written)
{
    start(BACKUP_RUNNING);
    fake.finish_failure = STATUS_LOST;

    cr_assert(eq(int, end_well(), WORKER_EXIT_LOST));

    cr_assert(eq(int, fake.finishes, 1));
}

Test(conclude, leaves_the_claim_to_the_supervisor_when_redis_refuses_the_end)
{
    start(BACKUP_RUNNING);
    fake.finish_failure = STATUS_CONFLICT;

    cr_assert(eq(int, end_well(), WORKER_EXIT_UNFINISHED));

    cr_assert(eq(int, fake.finishes, 1));
}
