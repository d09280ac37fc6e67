#include "src/worker/lease.h"

#include "fake_system.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* The clock stands still an hour ahead: the thread of a lease asks when it is woken, never by time. */
enum { AHEAD_MS = 3600 * 1000, LEASE_MS = 15000, PATIENCE_S = 20 };

static struct cancel cancel;
static struct job job;
static struct lease *lease;
static sem_t asked; /* posted with each question to Redis */

static enum status renew(struct store *store, const struct job *of, int64_t lease_ms,
                         const struct store_progress *progress, enum store_lease *ret_lease,
                         struct error *err)
{
    enum status status = fake_system.job_renew(store, of, lease_ms, progress, ret_lease, err);
    (void)sem_post(&asked);
    return status;
}

static enum status advance(struct store *store, const struct job *of, enum backup_state state,
                           int64_t lease_ms, const struct store_progress *progress,
                           enum store_lease *ret_lease, struct error *err)
{
    enum status status =
        fake_system.job_advance(store, of, state, lease_ms, progress, ret_lease, err);
    (void)sem_post(&asked);
    return status;
}

static struct worker_system system_of_lease;

static void set_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, sem_init(&asked, 0, 0), 0));
    fake.now_ms = clock_mono_ms() + AHEAD_MS;
    system_of_lease = fake_system;
    system_of_lease.job_renew = renew;
    system_of_lease.job_advance = advance;
}

static void tear_down(void)
{
    lease_free(lease);
    cancel_done(&cancel);
}

TestSuite(lease, .init = set_up, .fini = tear_down, .timeout = 2 * PATIENCE_S);

static enum status start(enum backup_state first_state, struct error *err)
{
    const struct lease_options options = {.system = &system_of_lease,
                                          .job = &job,
                                          .lease_ms = LEASE_MS,
                                          .cancel = &cancel,
                                          .first_state = first_state};
    return lease_start(&options, &lease, err);
}

static void start_well(enum backup_state first_state)
{
    struct error err = {0};
    cr_assert(eq(int, (int)start(first_state, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, sem_trywait(&asked), 0), "the first renewal is done");
}

static void wait_for_question(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    cr_assert(eq(int, sem_timedwait(&asked, &until), 0), "the thread asks nothing");
}

static enum status asked_to_end(void)
{
    return (enum status)atomic_load(&cancel.status);
}

Test(lease, brings_the_subject_into_its_first_state_before_it_has_started)
{
    start_well(BACKUP_DISCOVERING);

    cr_assert(eq(int, fake.advances, 1));
    cr_assert(eq(int, (int)fake.advanced_to, BACKUP_DISCOVERING));
    cr_assert(eq(i64, lease_end_ms(lease), fake.now_ms + LEASE_MS));
}

Test(lease, leaves_a_subject_without_a_first_state_as_it_is)
{
    start_well(BACKUP_STATE_UNSET);

    cr_assert(eq(int, fake.advances, 0));
    cr_assert(eq(int, fake.renewals, 1));
}

Test(lease, does_not_start_when_the_claim_is_anothers)
{
    struct error err = {0};
    fake.failure = STATUS_LOST;

    cr_assert(eq(int, (int)start(BACKUP_RUNNING, &err), STATUS_LOST));
    cr_assert(eq(ptr, lease, NULL));
}

Test(lease, sends_a_change_of_state_at_once)
{
    start_well(BACKUP_DISCOVERING);

    lease_report(lease, &(struct work_report){.state = BACKUP_RUNNING, .stage = "upload"});
    wait_for_question();
    lease_stop(lease);

    cr_assert(eq(int, (int)fake.advanced_to, BACKUP_RUNNING));
    cr_assert(eq(str, fake.stage, "upload"));
    cr_assert(eq(str, (char *)(uintptr_t)lease_stage(lease), "upload"));
}

Test(lease, keeps_other_news_until_something_is_due)
{
    start_well(BACKUP_RUNNING);

    lease_report(lease, &(struct work_report){.state = BACKUP_RUNNING, .bytes_done = 7});
    cr_assert(eq(int, fake.renewals, 0));
    lease_confirm(lease);
    lease_stop(lease);

    cr_assert(eq(int, fake.renewals, 1));
    cr_assert(eq(i64, fake.progress.bytes_done, 7));
}

Test(lease, confirms_only_after_redis_has_been_asked_anew)
{
    start_well(BACKUP_RUNNING);
    for (int i = 1; i <= 5; i++) {
        lease_confirm(lease);
        cr_assert(ge(int, fake.renewals, i));
    }
    cr_assert(eq(int, (int)asked_to_end(), STATUS_OK));
}

Test(lease, asks_no_more_once_the_claim_is_lost)
{
    start_well(BACKUP_RUNNING);
    fake.failure = STATUS_LOST;

    lease_confirm(lease);
    lease_confirm(lease);
    lease_report(lease, &(struct work_report){.state = BACKUP_COMPLETED});
    lease_stop(lease);

    cr_assert(eq(int, (int)asked_to_end(), STATUS_LOST));
    cr_assert(eq(int, fake.renewals, 1));
    cr_assert(eq(int, fake.advances, 1), "the one of the start");
}

Test(lease, asks_on_after_a_cancel)
{
    start_well(BACKUP_RUNNING);
    fake.lease_answer = STORE_LEASE_CANCEL;

    lease_confirm(lease);
    lease_confirm(lease);
    lease_stop(lease);

    cr_assert(eq(int, (int)asked_to_end(), STATUS_CANCELED));
    cr_assert(eq(int, fake.renewals, 2));
    cr_assert(not(lease_gave_up(lease)));
}

Test(lease, announces_that_a_backup_runs_unless_redis_knows)
{
    struct error err = {0};
    start_well(BACKUP_DISCOVERING);
    lease_stop(lease);

    cr_assert(eq(int, (int)lease_announce_running(lease, &err), STATUS_OK));
    cr_assert(eq(int, (int)fake.advanced_to, BACKUP_RUNNING));
    cr_assert(eq(int, fake.advances, 2));
    cr_assert(eq(int, (int)lease_announce_running(lease, &err), STATUS_OK));
    cr_assert(eq(int, fake.advances, 2));

    cr_assert(eq(int, (int)lease_announce_again(lease, &err), STATUS_OK));
    cr_assert(eq(int, fake.advances, 3));
}

Test(lease, may_be_stopped_twice_and_without_a_start)
{
    start_well(BACKUP_RUNNING);
    lease_stop(lease);
    lease_stop(lease);
    lease_stop(NULL);
    cr_assert(eq(int, fake.renewals, 0));
}
