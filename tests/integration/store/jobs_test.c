/* Jobs: who gets which, and for how long. */
#include "scenario.h"

TestSuite(job_claim, .init = start, .fini = stop, .timeout = 60);
TestSuite(job_lease, .init = start, .fini = stop, .timeout = 60);

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
    cr_expect(lt(i64, 86000, strtoll(look("TTL appbackup:job:%s", job.id), NULL, 10)));
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
