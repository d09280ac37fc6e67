/* What workers call: claims, leases, progress, and the ends of a job. */
#include "scenario.h"

TestSuite(job_claim, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_lease, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_progress, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_finish, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_deadline, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_died, .init = start, .fini = stop, .timeout = 60);

#define SUCCESSOR NODE ":4712:2" /* of WORKER */

static void lapse(const char *job, int64_t until_ms)
{
    (void)look("HSET appbackup:job:%s lease_until_ms %lld", job, (long long)until_ms);
    (void)look("ZADD appbackup:leases %lld %s", (long long)until_ms, job);
}

/* Its lease has ended, and another worker has started in its place. */
static void die(const char *job)
{
    lapse(job, 1000);
    (void)look("HSET appbackup:node:" NODE " worker " SUCCESSOR);
}

Test(job_claim, hands_out_the_job_with_a_new_epoch_and_a_lease)
{
    struct made made = make(SHOP, "nightly");

    struct job job = claim();

    cr_expect(eq(str, job.id, made.job));
    cr_expect(eq(str, job.subject, made.id));
    cr_expect(eq(str, job.account, ACCOUNT));
    cr_expect(eq(str, job.app, SHOP));
    cr_expect(eq(str, job.bucket, BUCKET));
    cr_expect(eq(str, job.node, NODE));
    cr_expect(eq(str, job.state, "claimed"));
    cr_expect(eq(str, job.worker, WORKER));
    cr_expect(eq(int, (int)job.kind, (int)JOB_BACKUP));
    cr_expect(eq(i64, job.epoch, 1));
    cr_expect(eq(i64, job.attempt, 1));
    cr_expect(llabs(job.lease_until_ms - clock_wall_ms() - LEASE_MS) < 5000);
    EXPECT_TEXT(look("ZRANGE appbackup:leases 0 -1"), made.job);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    EXPECT_TEXT(look("HGET appbackup:app-busy " SHOP), made.job);

    struct job same = {0};
    MUST(store_job_get(store, made.job, &same, err));
    cr_expect(eq(i64, same.epoch, 1));
    REFUSED(store_job_get(store, NOBODY, &same, err), STATUS_NOT_FOUND, "unknown_job");
}

Test(job_claim, finds_a_job_where_its_app_has_gone_while_another_node_had_it)
{
    struct job job = run(SHOP, "nightly");
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 2}, err));
    register_apps("web2", (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    die(job.id);
    MUST(store_sweep(store, KILLS_MAX, err));

    EXPECT_TEXT(look("ZRANGE appbackup:queue:web2 0 -1"), job.id);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    EXPECT_TEXT(job_field(job.id, "node"), "web2");
    EXPECT_TEXT(backup_field(job.subject, "node"), "web2");
}

Test(job_claim, finds_a_job_whose_app_was_dropped_by_one_node_before_another_has_it)
{
    struct made made = make(SHOP, "nightly");
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 2}, err));
    register_apps(NODE, (const char *const[]){WIKI}, (const char *const[]){"wiki"}, 1);

    register_apps("web2", (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    EXPECT_TEXT(look("ZRANGE appbackup:queue:web2 0 -1"), made.job);
    EXPECT_TEXT(backup_field(made.id, "node"), "web2");
}

Test(job_claim, finds_nothing_in_an_empty_queue)
{
    struct job job = {0};
    cr_expect(not(try_claim(&job, LEASE_MS)));
}

Test(job_claim, takes_the_smaller_priority_first_and_then_the_older_job)
{
    struct made first = make(SHOP, "first");
    struct made second = make(WIKI, "second");
    (void)look("HSET appbackup:job:%s created_ms 2000 priority 4", first.job);
    (void)look("HSET appbackup:job:%s created_ms 1000 priority 4", second.job);
    (void)look("ZADD appbackup:queue:" NODE " 40000000002000 %s", first.job);
    (void)look("ZADD appbackup:queue:" NODE " 40000000001000 %s", second.job);

    struct job job = claim();
    cr_expect(eq(str, job.id, second.job)); /* older */
    MUST(finish(&job, STORE_OUTCOME_RELEASED, "", err));
    (void)look("ZADD appbackup:queue:" NODE " 30000000009000 %s", first.job);
    job = claim();
    cr_expect(eq(str, job.id, first.job)); /* smaller priority */
}

Test(job_claim, keeps_backups_before_deletes)
{
    struct job job = run(SHOP, "old");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (job.subject, err));
    struct made wiki = make(WIKI, "new");

    struct job next = claim();

    cr_expect(eq(str, next.id, wiki.job));
}

Test(job_claim, gives_an_app_one_job_at_a_time)
{
    struct job first = run(SHOP, "first");
    struct made second = make(SHOP, "second");
    struct made other = make(WIKI, "other");

    struct job job = claim();
    cr_expect(eq(str, job.id, other.job));
    struct job none = {0};
    cr_expect(not(try_claim(&none, LEASE_MS)));
    MUST(finish(&first, STORE_OUTCOME_COMPLETED, "", err));
    job = claim();
    cr_expect(eq(str, job.id, second.job));
}

Test(job_claim, gives_a_bucket_as_many_jobs_as_it_may_have)
{
    (void)look("HSET appbackup:bucket:" BUCKET " jobs_max 1");
    struct job first = run(SHOP, "first");
    struct made second = make(WIKI, "second");
    struct job none = {0};

    cr_expect(not(try_claim(&none, LEASE_MS)));
    MUST(finish(&first, STORE_OUTCOME_COMPLETED, "", err));
    struct job job = claim();
    cr_expect(eq(str, job.id, second.job));

    /* What only looks like a job of it does not count. */
    MUST(finish(&job, STORE_OUTCOME_RELEASED, "", err));
    (void)look("SADD appbackup:bucket-jobs:" BUCKET " " NOBODY " %s", first.id);
    job = claim();
    cr_expect(eq(str, job.id, second.job));
}

Test(job_claim, looks_behind_many_jobs_of_a_busy_app)
{
    struct job first = run(SHOP, "first");
    for (int i = 0; i < 200; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "waiting-%d", i);
        (void)make(SHOP, name);
    }
    struct made other = make(WIKI, "other");

    struct job job = claim();

    cr_expect(eq(str, job.id, other.job));
    cr_expect(eq(str, first.app, SHOP));
}

Test(job_claim, drops_a_leftover_whose_backup_is_gone)
{
    struct made lost = make(SHOP, "lost");
    struct made other = make(WIKI, "other");
    (void)look("DEL appbackup:backup:%s", lost.id);
    (void)look("ZADD appbackup:queue:" NODE " 2 %s", lost.job); /* both are of the same ms */
    (void)look("ZADD appbackup:queue:" NODE " 1 " NOBODY);      /* no job at all behind this one */

    struct job job = claim();

    cr_expect(eq(str, job.id, other.job));
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    EXPECT_TEXT(job_field(lost.job, "state"), "done");
}

Test(job_claim, is_not_stopped_by_a_busy_mark_without_a_claim)
{
    (void)look("HSET appbackup:app-busy " SHOP " " NOBODY);
    struct made made = make(SHOP, "nightly");

    struct job job = claim();

    cr_expect(eq(str, job.id, made.job));
}

static enum status renew(const struct job *job, const struct store_progress *progress,
                         struct error *err)
{
    enum store_lease lease = STORE_LEASE_OK;
    return store_job_renew(store, job, LEASE_MS, progress, &lease, err);
}

Test(job_lease, is_extended_by_a_renewal)
{
    struct made made = make(SHOP, "nightly");
    struct job job = {0};
    cr_assert(try_claim(&job, 1000));

    MUST(renew(&job, NULL, err));

    double until = strtod(look("ZSCORE appbackup:leases %s", made.job), NULL);
    cr_expect(until - (double)job.lease_until_ms > LEASE_MS - 2000.0);
    cr_expect(eq(i64, strtoll(job_field(made.job, "lease_until_ms"), NULL, 10), (int64_t)until));
}

Test(job_lease, refuses_a_stale_epoch_and_counts_it)
{
    struct job job = run(SHOP, "nightly");
    struct job stale = job;
    stale.epoch--;

    REFUSED(renew(&stale, NULL, err), STATUS_LOST, "lease_lost");
    REFUSED(advance(&stale, BACKUP_RUNNING, err), STATUS_LOST, "lease_lost");
    REFUSED(finish(&stale, STORE_OUTCOME_COMPLETED, "", err), STATUS_LOST, "lease_lost");

    EXPECT_TEXT(look("HGET appbackup:counters stale_writes"), "3");
    EXPECT_TEXT(backup_field(job.subject, "state"), "running");
    MUST(renew(&job, NULL, err));
}

Test(job_lease, is_lost_after_the_end_of_the_job)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));

    REFUSED(finish(&job, STORE_OUTCOME_COMPLETED, "", err), STATUS_LOST, "lease_lost");
    cr_expect(gt(i64, strtoll(look("TTL appbackup:job:%s", job.id), NULL, 10), 86000));
}

Test(job_lease, is_lost_when_redis_has_forgotten_everything)
{
    struct job job = run(SHOP, "nightly");
    (void)look("FLUSHDB");

    REFUSED(renew(&job, NULL, err), STATUS_LOST, "lease_lost");
}

Test(job_lease, that_ends_gives_the_job_to_another_claim_with_a_higher_epoch)
{
    struct made made = make(SHOP, "nightly");
    struct job first = {0};
    cr_assert(try_claim(&first, 20));
    MUST(advance(&first, BACKUP_DISCOVERING, err));
    die(made.job);
    int64_t deadline_ms = 0;
    struct job second = {0};
    while (!try_claim(&second, LEASE_MS))
        (void)waiting(&deadline_ms);

    cr_expect(eq(str, second.id, first.id));
    cr_expect(eq(i64, second.epoch, 2));
    cr_expect(eq(i64, second.attempt, 2));
    cr_expect(eq(i64, second.kills, 1));
    EXPECT_TEXT(backup_field(made.id, "state"), "pending");
    EXPECT_TEXT(look("HGET appbackup:counters expired_leases"), "1");
    REFUSED(renew(&first, NULL, err), STATUS_LOST, "lease_lost");
}

Test(job_lease, ends_by_the_clock_of_redis)
{
    struct made made = make(SHOP, "nightly");
    struct job job = {0};
    cr_assert(try_claim(&job, 50));
    (void)look("HSET appbackup:node:" NODE " worker " SUCCESSOR);

    int64_t deadline_ms = 0;
    while (strcmp(job_field(made.job, "state"), "queued") != 0) {
        (void)waiting(&deadline_ms);
        MUST(store_sweep(store, KILLS_MAX, err));
    }

    cr_expect(ge(i64, clock_wall_ms(), job.lease_until_ms));
    EXPECT_TEXT(look("ZCARD appbackup:leases"), "0");
}

Test(job_lease, of_the_last_try_ends_in_quarantine)
{
    struct made made = make(SHOP, "nightly");
    for (int i = 0; i < KILLS_MAX; i++) {
        struct job job = claim();
        die(job.id);
        MUST(store_sweep(store, KILLS_MAX, err));
    }

    EXPECT_TEXT(job_field(made.job, "state"), "quarantined");
    EXPECT_TEXT(look("ZRANGE appbackup:quarantine 0 -1"), made.job);
    EXPECT_TEXT(backup_field(made.id, "state"), "failed");
    cr_expect(strstr(backup_field(made.id, "state_unready"), "its worker died 3 times") != NULL);
    MUST(delete (made.id, err));
    EXPECT_TEXT(look("ZCARD appbackup:quarantine"), "0");
}

Test(job_lease, that_ended_meets_the_limit_of_the_node_that_claims_next)
{
    struct made made = make(SHOP, "nightly");
    struct job job = claim();
    struct job none = {0};
    bool found = false;
    die(job.id);

    const struct store_claim_terms terms = {.lease_ms = LEASE_MS, .kills_max = 1};
    MUST(store_job_claim(store, NODE, WORKER, &terms, &none, &found, err));

    cr_expect(not(found));
    EXPECT_TEXT(job_field(made.job, "state"), "quarantined");
}

/* A node is as it was heard last at that time. */
static void silence(const char *node, int64_t since_ms)
{
    (void)look("HSET appbackup:node:%s heartbeat_ms %lld", node, (long long)since_ms);
    (void)look("ZADD appbackup:nodes %lld %s", (long long)since_ms, node);
}

Test(job_lease, of_a_worker_that_lives_is_no_kill_when_it_ends)
{
    struct made made = make(SHOP, "nightly");
    for (int i = 0; i <= KILLS_MAX; i++) {
        struct job job = claim();
        lapse(job.id, 1000); /* its node has been heard since then */
        MUST(store_sweep(store, KILLS_MAX, err));
        EXPECT_TEXT(job_field(made.job, "state"), "queued");
        EXPECT_TEXT(job_field(made.job, "kills"), "0");
    }
    EXPECT_TEXT(backup_field(made.id, "state"), "pending");
    cr_expect(strstr(job_field(made.job, "reason"), "which lives") != NULL);
    EXPECT_TEXT(look("HGET appbackup:counters kills"), "");
}

Test(job_lease, that_ended_while_redis_was_away_may_be_renewed_for_a_while)
{
    struct job job = run(SHOP, "nightly");
    silence(NODE, clock_wall_ms() - 20000);
    lapse(job.id, clock_wall_ms() - 10000);
    MUST(store_node_heartbeat(store, NODE, 1, err));

    MUST(store_sweep(store, KILLS_MAX, err));
    EXPECT_TEXT(job_field(job.id, "state"), "claimed");

    MUST(store_node_heartbeat(store, NODE, 1, err));
    (void)look("HINCRBY appbackup:node:" NODE " back_ms -15000"); /* a while later */
    MUST(store_sweep(store, KILLS_MAX, err));
    EXPECT_TEXT(job_field(job.id, "state"), "queued");
    EXPECT_TEXT(job_field(job.id, "kills"), "0");
}

Test(job_lease, of_a_silent_node_needs_a_witness)
{
    struct job job = run(SHOP, "nightly");
    silence(NODE, 1000);
    lapse(job.id, 2000);
    MUST(store_sweep(store, KILLS_MAX, err));
    EXPECT_TEXT(job_field(job.id, "state"), "claimed"); /* nobody has been heard since */

    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 2}, err));
    MUST(store_sweep(store, KILLS_MAX, err));
    EXPECT_TEXT(job_field(job.id, "state"), "claimed"); /* Redis may just have come back */

    (void)look("HSET appbackup:node:web2 started_ms 1");
    silence(NODE, clock_wall_ms() - 5000);
    lapse(job.id, clock_wall_ms() - 1000);
    MUST(store_sweep(store, KILLS_MAX, err));
    EXPECT_TEXT(job_field(job.id, "state"), "claimed"); /* it may be heard in a moment */

    silence(NODE, clock_wall_ms() - 15000);
    MUST(store_sweep(store, KILLS_MAX, err));
    EXPECT_TEXT(job_field(job.id, "state"), "queued");
    EXPECT_TEXT(job_field(job.id, "kills"), "1");
}

Test(job_lease, of_a_worker_keeps_its_start_when_it_registers_again)
{
    const struct store_node_limits limits = {.slots = 2, .worker = WORKER};
    MUST(store_node_register(store, NODE, "0.1.0", &limits, err));
    (void)look("HSET appbackup:node:" NODE " started_ms 1000");

    MUST(store_node_register(store, NODE, "0.1.0", &limits, err));
    EXPECT_TEXT(look("HGET appbackup:node:" NODE " started_ms"), "1000");

    const struct store_node_limits successor = {.slots = 2, .worker = SUCCESSOR};
    MUST(store_node_register(store, NODE, "0.1.0", &successor, err));
    cr_expect(ne(str, (char *)look("HGET appbackup:node:" NODE " started_ms"), "1000"));
    EXPECT_TEXT(look("HGET appbackup:node:" NODE " worker"), SUCCESSOR);
}

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
    cr_expect(gt(i64, atoll(first), atoll(job_field(made.job, "created_ms")) + 99999));
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
