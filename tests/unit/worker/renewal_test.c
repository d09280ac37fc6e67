#include "src/worker/renewal.h"

#include "fake_system.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <unistd.h>

enum { LEASE_MS = 15000, GRACE_MS = 5000 };

static struct renewal renewal;
static struct cancel cancel;
static struct job job;
static struct lease_news news = {.bytes_done = -1, .bytes_total = -1};

static void set_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)cancel_init(&cancel, &err), STATUS_OK), "%s", err.text);
    fake.now_ms = 1000000;
    renewal_init(&renewal, &(struct lease_options){.system = &fake_system,
                                                   .job = &job,
                                                   .lease_ms = LEASE_MS,
                                                   .grace_ms = GRACE_MS,
                                                   .cancel = &cancel});
}

static void tear_down(void)
{
    cancel_done(&cancel);
}

TestSuite(renewal, .init = set_up, .fini = tear_down);

/* One message, and what follows from its failure. */
static enum status send(void)
{
    struct error err = {0};
    enum status status = renewal_send(&renewal, &news, &err);
    if (status != STATUS_OK)
        renewal_on_failure(&renewal, &err);
    return status;
}

static enum status asked_to_end(void)
{
    return (enum status)atomic_load(&cancel.status);
}

Test(renewal, is_due_again_well_before_the_lease_ends)
{
    cr_assert(eq(int, (int)send(), STATUS_OK));

    cr_assert(eq(i64, renewal_due_ms(&renewal, false, false), fake.now_ms + LEASE_RENEW_MS));
    cr_assert(eq(i64, fake.lease_ms, LEASE_MS));
    cr_assert(eq(i64, renewal_end_ms(&renewal), fake.now_ms + LEASE_MS));
    cr_assert(eq(int, (int)asked_to_end(), STATUS_OK));
}

Test(renewal, brings_news_sooner_and_what_is_urgent_at_once)
{
    (void)send();

    cr_assert(eq(i64, renewal_due_ms(&renewal, true, false), fake.now_ms + LEASE_NEWS_MS));
    cr_assert(le(i64, renewal_due_ms(&renewal, true, true), fake.now_ms));
}

Test(renewal, counts_the_lease_from_before_the_question)
{
    int64_t asked_ms = fake.now_ms;
    fake.delay_ms = 700;

    (void)send();

    cr_assert(eq(i64, renewal_end_ms(&renewal), asked_ms + LEASE_MS));
    cr_assert(eq(i64, renewal_due_ms(&renewal, false, false), asked_ms + 700 + LEASE_RENEW_MS));
}

Test(renewal, says_what_the_stages_have_reported)
{
    news.bytes_done = 5;
    news.bytes_total = 9;
    news.taken_ms = 77;
    (void)snprintf(news.stage, sizeof(news.stage), "upload");

    (void)send();

    cr_assert(eq(i64, fake.progress.bytes_done, 5));
    cr_assert(eq(i64, fake.progress.bytes_total, 9));
    cr_assert(eq(i64, fake.progress.taken_ms, 77));
    cr_assert(eq(str, fake.stage, "upload"));
}

Test(renewal, says_nothing_of_what_is_not_known_yet)
{
    (void)send();

    cr_assert(eq(i64, fake.progress.taken_ms, -1));
    cr_assert(eq(i64, fake.progress.bytes_done, -1));
    cr_assert(eq(str, fake.stage, ""));
}

Test(renewal, announces_a_change_of_state_once)
{
    news.state = BACKUP_DISCOVERING;
    (void)send();
    (void)send();
    cr_assert(eq(int, fake.advances, 1));
    cr_assert(eq(int, (int)fake.advanced_to, BACKUP_DISCOVERING));
    cr_assert(eq(int, fake.renewals, 1));

    news.state = BACKUP_RUNNING;
    (void)send();

    cr_assert(eq(int, fake.advances, 2));
    cr_assert(eq(int, (int)fake.advanced_to, BACKUP_RUNNING));
}

Test(renewal, announces_a_state_again_that_redis_could_not_be_told)
{
    news.state = BACKUP_RUNNING;
    fake.failure = STATUS_UNAVAILABLE;
    (void)send();
    fake.failure = STATUS_OK;

    (void)send();

    cr_assert(eq(int, fake.advances, 2));
    cr_assert(eq(int, fake.renewals, 0));
}

Test(renewal, passes_on_that_somebody_wants_the_job_canceled)
{
    fake.lease_answer = STORE_LEASE_CANCEL;

    cr_assert(eq(int, (int)send(), STATUS_OK));

    cr_assert(eq(int, (int)asked_to_end(), STATUS_CANCELED));
    cr_assert(eq(i64, renewal_end_ms(&renewal), fake.now_ms + LEASE_MS), "unwinding takes a while");
}

/* Another worker has the job with a higher epoch: Redis refuses ours. */
Test(renewal, ends_the_work_when_its_epoch_is_stale)
{
    fake.failure = STATUS_LOST;

    cr_assert(eq(int, (int)send(), STATUS_LOST));

    cr_assert(eq(int, (int)asked_to_end(), STATUS_LOST));
    cr_assert(not(renewal.gave_up));
}

Test(renewal, goes_on_while_redis_is_away_for_less_than_the_lease)
{
    (void)send();
    int64_t end_ms = renewal_end_ms(&renewal);
    fake.failure = STATUS_UNAVAILABLE;
    fake.now_ms += LEASE_MS * 2 / 3 - 1;

    cr_assert(eq(int, (int)send(), STATUS_UNAVAILABLE));

    cr_assert(eq(int, (int)asked_to_end(), STATUS_OK));
    cr_assert(eq(i64, renewal_end_ms(&renewal), end_ms), "a failure does not lengthen the lease");
    fake.failure = STATUS_OK;
    cr_assert(eq(int, (int)send(), STATUS_OK));
    cr_assert(eq(i64, renewal_end_ms(&renewal), fake.now_ms + LEASE_MS));
    cr_assert(le(i64, renewal_due_ms(&renewal, false, true), fake.now_ms), "all is as before");
}

Test(renewal, asks_an_absent_redis_calmly_whatever_the_news)
{
    fake.failure = STATUS_TIMEOUT;
    (void)send();

    cr_assert(eq(i64, renewal_due_ms(&renewal, true, true), fake.now_ms + LEASE_NEWS_MS));
    cr_assert(eq(i64, renewal_due_ms(&renewal, false, false), fake.now_ms + LEASE_NEWS_MS));
}

Test(renewal, gives_up_before_the_lease_of_an_absent_redis_ends)
{
    (void)send();
    fake.failure = STATUS_UNAVAILABLE;
    fake.now_ms += LEASE_MS * 2 / 3;

    (void)send();

    cr_assert(eq(int, (int)asked_to_end(), STATUS_UNAVAILABLE));
    cr_assert(renewal.gave_up);
    cr_assert(lt(i64, fake.now_ms, renewal_end_ms(&renewal)), "there is time to unwind");
}

Test(renewal, ends_a_job_that_is_late_and_kills_it_when_it_hangs)
{
    fake.lease_answer = STORE_LEASE_LATE;
    (void)send();
    cr_assert(eq(int, (int)asked_to_end(), STATUS_TIMEOUT));

    fake.now_ms += GRACE_MS - 1;
    (void)send();
    cr_assert(eq(int, fake.signal_count, 0));

    fake.now_ms += 1;
    (void)send();
    cr_assert(eq(int, fake_count_signals(getpid(), SIGKILL), 1));
}

Test(renewal, keeps_to_the_first_reason_to_end)
{
    fake.lease_answer = STORE_LEASE_CANCEL;
    (void)send();
    fake.failure = STATUS_LOST;
    (void)send();

    cr_assert(eq(int, (int)asked_to_end(), STATUS_CANCELED));
}
