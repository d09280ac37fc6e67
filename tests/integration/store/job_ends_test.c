/* Jobs: what their workers report, and how they end. */
#include "scenario.h"

TestSuite(job_progress, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_finish, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_died, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_deadline, .init = start, .fini = stop, .timeout = 60);

static void report(const struct job *job, int64_t done, int64_t total)
{
    struct store_progress progress = STORE_PROGRESS_NONE;
    progress.bytes_done = done;
    progress.bytes_total = total;
    MUST(renew(job, &progress, err));
}

static void expect_bytes(const char *id, const char *done, const char *total, const char *percent)
{
    EXPECT_TEXT(backup_field(id, "bytes_done"), done);
    EXPECT_TEXT(backup_field(id, "bytes_total"), total);
    EXPECT_TEXT(backup_field(id, "percent_done"), percent);
}

Test(job_progress, never_falls_and_never_passes_its_total)
{
    struct job job = run(SHOP, "nightly");

    report(&job, 0, 1000);
    expect_bytes(job.subject, "0", "1000", "0");
    report(&job, 509, -1);
    expect_bytes(job.subject, "509", "1000", "50");
    report(&job, 100, -1);
    expect_bytes(job.subject, "509", "1000", "50");
    report(&job, -1, 200);
    expect_bytes(job.subject, "509", "509", "99");
    report(&job, 2000, -1);
    expect_bytes(job.subject, "2000", "2000", "99");
}

Test(job_progress, is_kept_over_a_retry)
{
    struct job job = run(SHOP, "nightly");
    report(&job, 700, 1000);
    MUST(finish(&job, STORE_OUTCOME_RETRY, "bucket unreachable", err));
    expect_bytes(job.subject, "700", "1000", "70");

    job = claim();
    MUST(advance(&job, BACKUP_DISCOVERING, err));
    MUST(advance(&job, BACKUP_RUNNING, err));
    report(&job, 10, 900);
    expect_bytes(job.subject, "700", "900", "77");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    expect_bytes(job.subject, "900", "900", "100");
}

Test(job_progress, of_an_empty_backup_ends_at_100)
{
    struct job job = run(SHOP, "nightly");
    report(&job, 0, 0);
    expect_bytes(job.subject, "0", "0", "0");

    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));

    expect_bytes(job.subject, "0", "0", "100");
}

Test(job_progress, counts_sizes_beyond_32_bits_to_the_byte)
{
    struct job job = run(SHOP, "nightly");

    report(&job, 4503599627370495, 9007199254740991);

    expect_bytes(job.subject, "4503599627370495", "9007199254740991", "49");
}

Test(job_progress, keeps_everything_that_a_worker_reports)
{
    struct job job = run(SHOP, "nightly");
    CLEANUP(json_decrefp)
    json_t *details = json_pack("[{s:s,s:s,s:s,s:{s:[],s:{}}}]", "type", "t", "title", "a",
                                "detail", "b", "additionalDetails", "empty", "none");
    struct store_progress progress = {
        .stage = "upload",
        .bytes_done = -1,
        .bytes_total = -1,
        .taken_ms = 1700000000123,
        .snapshot = NOBODY,
        .repository_snapshot = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .hook_state = HOOK_STATE_FAILED,
        .hook_state_details = details,
        .state_details = details};

    MUST(renew(&job, &progress, err));

    CLEANUP(backup_done) struct backup backup = {0};
    MUST(store_backup_get(store, NULL, NULL, job.subject, &backup, err));
    cr_expect(eq(i64, backup.taken_ms, 1700000000123));
    cr_expect(eq(str, backup.snapshot, NOBODY));
    cr_expect(eq(str, backup.repository_snapshot, (char *)progress.repository_snapshot));
    cr_expect(eq(int, (int)backup.hook_state, (int)HOOK_STATE_FAILED));
    cr_expect(json_equal(backup.hook_state_details, details));
    cr_expect(json_equal(backup.state_details, details));
    EXPECT_TEXT(job_field(job.id, "stage"), "upload");
}

Test(job_progress, raises_the_revision_only_when_something_changes)
{
    struct job job = run(SHOP, "nightly");
    report(&job, 1, 10);
    const int64_t before = strtoll(backup_field(job.subject, "revision"), NULL, 10);

    report(&job, 1, 10);
    MUST(renew(&job, NULL, err));
    cr_expect(eq(i64, strtoll(backup_field(job.subject, "revision"), NULL, 10), before));
    report(&job, 2, 10);
    cr_expect(eq(i64, strtoll(backup_field(job.subject, "revision"), NULL, 10), before + 1));
}

Test(job_progress, refuses_what_is_malformed_and_changes_nothing)
{
    struct job job = run(SHOP, "nightly");
    struct store_progress progress = STORE_PROGRESS_NONE;
    progress.repository_snapshot = "abc";
    REFUSED(renew(&job, &progress, err), STATUS_INVALID, "invalid_argument");

    char epoch[24];
    (void)snprintf(epoch, sizeof(epoch), "%lld", (long long)job.epoch);
    struct store_call call = {
        .argv = {"FCALL", "appbackup_job_renew", "0", job.id, epoch, "15000", "state", "completed"},
        .argc = 8};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    REFUSED(run_call(&call, &reply, err), STATUS_INVALID, "invalid_argument");
    EXPECT_TEXT(backup_field(job.subject, "state"), "running");
}

static void expect_reason(const char *id, const char *expected)
{
    CLEANUP(backup_done) struct backup backup = {0};
    MUST(store_backup_get(store, NULL, NULL, id, &backup, err));
    const char *reason = json_string_value(json_array_get(backup.state_unready, 0));
    cr_assert(reason != NULL);
    cr_expect(strncmp(reason, expected, strlen(expected)) == 0, "%s", reason);
}

Test(job_finish, failed_keeps_the_reason)
{
    struct job job = run(SHOP, "nightly");

    MUST(finish(&job, STORE_OUTCOME_FAILED, "volume '/srv/shop': No such file", err));

    EXPECT_TEXT(backup_field(job.subject, "state"), "failed");
    expect_reason(job.subject, "volume '/srv/shop': No such file");
    EXPECT_TEXT(job_field(job.id, "reason"), "volume '/srv/shop': No such file");
    EXPECT_TEXT(look("HEXISTS appbackup:app-busy " SHOP), "0");
}

Test(job_finish, canceled_is_told_from_failed)
{
    struct job job = run(SHOP, "nightly");

    MUST(finish(&job, STORE_OUTCOME_CANCELED, "", err));

    CLEANUP(backup_done) struct backup backup = {0};
    MUST(store_backup_get(store, NULL, NULL, job.subject, &backup, err));
    cr_expect(eq(int, (int)backup.state, (int)BACKUP_FAILED));
    const json_t *detail = json_array_get(backup.state_details, 0);
    cr_expect(eq(str, (char *)json_string_value(json_object_get(detail, "type")),
                 "https://appbackup.invalid/reasons/canceled"));
}

Test(job_finish, adds_the_canceled_detail_to_those_that_are_there)
{
    struct job job = run(SHOP, "nightly");
    CLEANUP(json_decrefp)
    json_t *details = json_pack("[{s:s,s:s,s:s,s:{}}]", "type", "t", "title", "a", "detail", "b",
                                "additionalDetails");
    struct store_finish last = {
        .outcome = STORE_OUTCOME_CANCELED, .reason = "why", .progress = STORE_PROGRESS_NONE};
    last.progress.state_details = details;

    MUST(store_job_finish(store, &job, &last, err));

    CLEANUP(backup_done) struct backup backup = {0};
    MUST(store_backup_get(store, NULL, NULL, job.subject, &backup, err));
    cr_assert(eq(sz, json_array_size(backup.state_details), 2));
    cr_expect(json_equal(json_array_get(backup.state_details, 0), json_array_get(details, 0)));
}

Test(job_finish, retry_waits_for_its_time_and_then_goes_on)
{
    struct job job = run(SHOP, "nightly");
    const struct store_finish later = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 100,
                                       .reason = "bucket unreachable",
                                       .progress = STORE_PROGRESS_NONE};

    MUST(store_job_finish(store, &job, &later, err));

    EXPECT_TEXT(backup_field(job.subject, "state"), "pending");
    expect_reason(job.subject, "attempt 1 failed, next at ");
    EXPECT_TEXT(job_field(job.id, "state"), "delayed");
    int64_t due_ms = strtoll(look("ZSCORE appbackup:delayed %s", job.id), NULL, 10);
    int64_t deadline_ms = 0;
    struct job again = {0};
    while (!try_claim(&again, LEASE_MS))
        (void)waiting(&deadline_ms);
    cr_expect(ge(i64, clock_wall_ms(), due_ms));
    cr_expect(eq(str, again.id, job.id));
    cr_expect(eq(i64, again.attempt, 2));
    cr_expect(eq(i64, again.failures, 1));
    cr_expect(eq(i64, again.kills, 0));
    MUST(advance(&again, BACKUP_DISCOVERING, err));
    EXPECT_TEXT(backup_field(job.subject, "state_unready"), "[]");
    EXPECT_TEXT(look("HGET appbackup:counters retries"), "1");
}

Test(job_finish, released_is_queued_at_once)
{
    struct job job = run(SHOP, "nightly");

    MUST(finish(&job, STORE_OUTCOME_RELEASED, "the worker stops", err));

    expect_reason(job.subject, "queued again: the worker stops");
    struct job again = claim();
    cr_expect(eq(str, again.id, job.id));
    cr_expect(eq(i64, again.failures, 0)); /* a drain uses up no retry */
    EXPECT_TEXT(look("HGET appbackup:counters retries"), "");
}

Test(job_finish, released_may_wait_and_is_no_failure_either)
{
    struct job job = run(SHOP, "nightly");
    const struct store_finish later = {.outcome = STORE_OUTCOME_RELEASED,
                                       .delay_ms = 60000,
                                       .reason = "Redis was away",
                                       .progress = STORE_PROGRESS_NONE};

    MUST(store_job_finish(store, &job, &later, err));

    EXPECT_TEXT(job_field(job.id, "state"), "delayed");
    EXPECT_TEXT(job_field(job.id, "failures"), "");
}

Test(job_finish, keeps_any_bytes_in_a_reason_readable)
{
    struct job job = run(SHOP, "nightly");
    char reason[2000];
    memset(reason, 'x', sizeof(reason));
    memcpy(reason, "file '\xff\xc3\xa9\xe2\x82\n\x01\xed\xa0\x80'", 17);
    reason[sizeof(reason) - 1] = '\0';

    MUST(finish(&job, STORE_OUTCOME_FAILED, reason, err));

    expect_reason(job.subject, "file '?\xc3\xa9?"
                               "?  ?"
                               "?"
                               "?'x");
    cr_expect(eq(sz, strlen(job_field(job.id, "reason")), 511));
}

Test(job_finish, keeps_from_a_reason_what_a_terminal_obeys)
{
    struct job job = run(SHOP, "nightly");

    MUST(finish(&job, STORE_OUTCOME_FAILED,
                "a\xc2\x9b"
                "b\xe2\x80\xae"
                "c\xe2\x80\x94 \x7f",
                err));

    expect_reason(job.subject, "a??b???c\xe2\x80\x94  ");
}

static enum store_verdict died(const struct job *job, int64_t delay_ms)
{
    const struct store_death death = {.evidence = "killed by signal 9 in stage upload",
                                      .kills_max = KILLS_MAX,
                                      .delay_ms = delay_ms};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, job, &death, &verdict, err));
    return verdict;
}

Test(job_died, is_tried_again_until_it_is_quarantined)
{
    struct made made = make(SHOP, "nightly");
    for (int i = 1; i < KILLS_MAX; i++) {
        struct job job = claim();
        cr_assert(eq(int, (int)died(&job, 0), (int)STORE_VERDICT_RETRY));
        expect_reason(made.id, "attempt ");
    }
    struct job last = claim();
    cr_expect(eq(int, (int)died(&last, 0), (int)STORE_VERDICT_QUARANTINED));

    EXPECT_TEXT(backup_field(made.id, "state"), "failed");
    expect_reason(made.id, "given up, its worker died 3 times, at last: killed by signal 9");
    EXPECT_TEXT(look("HGET appbackup:counters kills"), "3");
    struct job none = {0};
    cr_expect(not(try_claim(&none, LEASE_MS)));
}

Test(job_died, waits_before_the_next_try)
{
    (void)make(SHOP, "nightly");
    struct job job = claim();

    cr_expect(eq(int, (int)died(&job, 60000), (int)STORE_VERDICT_RETRY));

    EXPECT_TEXT(look("ZRANGE appbackup:delayed 0 -1"), job.id);
    struct job none = {0};
    cr_expect(not(try_claim(&none, LEASE_MS)));
}

Test(job_died, leaves_a_finished_or_foreign_claim_alone)
{
    struct job job = run(SHOP, "nightly");
    struct job stale = job;
    stale.epoch--;

    cr_expect(eq(int, (int)died(&stale, 0), (int)STORE_VERDICT_NONE));
    EXPECT_TEXT(backup_field(job.subject, "state"), "running");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    cr_expect(eq(int, (int)died(&job, 0), (int)STORE_VERDICT_NONE));
    EXPECT_TEXT(backup_field(job.subject, "state"), "completed");
}

Test(job_died, while_being_deleted_leaves_the_rest_to_a_delete_job)
{
    struct job job = run(SHOP, "nightly");
    MUST(delete (job.subject, err));

    cr_expect(eq(int, (int)died(&job, 0), (int)STORE_VERDICT_RETRY));

    struct job removal = claim();
    cr_expect(eq(int, (int)removal.kind, (int)JOB_DELETE));
    MUST(finish(&removal, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", job.subject), "0");
}

Test(job_died, as_a_delete_job_leaves_a_failed_backup_in_the_end)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (job.subject, err));
    for (int i = 0; i < KILLS_MAX; i++) {
        struct job removal = claim();
        cr_assert(eq(int, (int)removal.kind, (int)JOB_DELETE));
        (void)died(&removal, 0);
    }

    EXPECT_TEXT(backup_field(job.subject, "state"), "failed");
    expect_reason(job.subject, "delete failed: given up");
}

/* Claims with a deadline that has passed by the time of the return. */
static struct job claim_late(void)
{
    struct job job = {0};
    bool found = false;
    const struct store_claim_terms terms = {
        .lease_ms = LEASE_MS, .kills_max = KILLS_MAX, .timeout_ms = 100000};
    MUST(store_job_claim(store, NODE, WORKER, &terms, &job, &found, err));
    cr_assert(found);
    (void)look("HSET appbackup:job:%s deadline_ms 1000", job.id);
    return job;
}

static enum store_lease renew_for_answer(const struct job *job)
{
    enum store_lease answer = STORE_LEASE_OK;
    MUST(store_job_renew(store, job, LEASE_MS, NULL, &answer, err));
    return answer;
}

Test(job_deadline, is_set_by_the_first_claim_and_stays)
{
    struct made made = make(SHOP, "nightly");
    struct job job = {0};
    bool found = false;
    struct store_claim_terms terms = {
        .lease_ms = LEASE_MS, .kills_max = KILLS_MAX, .timeout_ms = 100000};
    MUST(store_job_claim(store, NODE, WORKER, &terms, &job, &found, err));
    char first[32];
    (void)snprintf(first, sizeof(first), "%s", job_field(made.job, "deadline_ms"));
    cr_expect(lt(i64, atoll(job_field(made.job, "created_ms")) + 99999, atoll(first)));
    cr_expect(eq(int, (int)renew_for_answer(&job), (int)STORE_LEASE_OK));
    MUST(finish(&job, STORE_OUTCOME_RELEASED, "", err));
    terms.timeout_ms = 1;
    MUST(store_job_claim(store, NODE, WORKER, &terms, &job, &found, err));
    EXPECT_TEXT(job_field(made.job, "deadline_ms"), first);
}

Test(job_deadline, is_told_with_the_renewal_and_lets_nothing_begin)
{
    struct made made = make(SHOP, "nightly");
    struct job job = claim_late();
    enum store_lease answer = STORE_LEASE_OK;

    MUST(store_job_advance(store, &job, BACKUP_DISCOVERING, LEASE_MS, NULL, &answer, err));
    cr_expect(eq(int, (int)answer, (int)STORE_LEASE_LATE));
    EXPECT_TEXT(backup_field(made.id, "state"), "pending");
    cr_expect(eq(int, (int)renew_for_answer(&job), (int)STORE_LEASE_LATE));
    (void)look("HSET appbackup:job:%s cancel 1", job.id);
    cr_expect(eq(int, (int)renew_for_answer(&job), (int)STORE_LEASE_CANCEL));
}

Test(job_deadline, ends_the_tries)
{
    static const char why[] = "not done by 1970-01-01 00:00:01 UTC, the deadline of its job: away";
    char unready[128];
    (void)snprintf(unready, sizeof(unready), "[\"%s\"]", why);

    struct made retried = make(SHOP, "a");
    struct job job = claim_late();
    MUST(finish(&job, STORE_OUTCOME_RETRY, "away", err));
    EXPECT_TEXT(backup_field(retried.id, "state"), "failed");
    EXPECT_TEXT(backup_field(retried.id, "state_unready"), unready);
    EXPECT_TEXT(job_field(retried.job, "state"), "done");

    struct made dead = make(SHOP, "b");
    job = claim_late();
    const struct store_death death = {.evidence = "away", .kills_max = KILLS_MAX};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, &job, &death, &verdict, err));
    cr_expect(eq(int, (int)verdict, (int)STORE_VERDICT_FAILED));
    EXPECT_TEXT(backup_field(dead.id, "state"), "failed");

    struct made task = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    job = claim_late();
    MUST(finish(&job, STORE_OUTCOME_RETRY, "away", err));
    EXPECT_TEXT(task_field(task.id, "state"), "failed");
    EXPECT_TEXT(task_field(task.id, "state_unready"), unready);
}
