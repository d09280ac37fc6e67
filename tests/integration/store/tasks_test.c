/* Restores, prunes and verifications: how they are asked for, done, given up, and come due. */
#include "scenario.h"

TestSuite(catalog_report, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_create, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_job, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_app, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_cancel, .init = start, .fini = stop, .timeout = 60);
TestSuite(maintenance, .init = start, .fini = stop, .timeout = 60);
TestSuite(verify_report, .init = start, .fini = stop, .timeout = 60);

enum { DAY_MS = 24 * 3600 * 1000 };

static struct job completed(const char *app, const char *name)
{
    struct job job = run(app, name);
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    return job;
}

static struct made restore(const char *backup, const char *target)
{
    return order(
        &(struct store_task_create){.kind = JOB_RESTORE, .backup = backup, .target = target});
}

static struct job claim_running(const char *expected)
{
    struct job job = claim();
    cr_assert(eq(str, job.id, (char *)expected));
    MUST(advance(&job, BACKUP_RUNNING, err));
    return job;
}

static enum status cancel(const char *id, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_task_cancel(&call, ACCOUNT, id, ACTOR, NULL);
    return run_call(&call, &reply, err);
}

Test(task_create, makes_a_restore_and_its_job)
{
    struct job backup = completed(SHOP, "nightly");
    (void)look("HSET appbackup:backup:%s repository_snapshot %064d", backup.subject, 7);
    json_auto_t *includes = json_pack("[s]", "*.txt");

    struct made made = order(&(struct store_task_create){.kind = JOB_RESTORE,
                                                         .account = ACCOUNT,
                                                         .backup = backup.subject,
                                                         .target = "/srv/out",
                                                         .includes = includes});

    CLEANUP(task_done) struct task task = {0};
    MUST(store_task_get(store, NULL, made.id, &task, err));
    cr_expect(eq(int, (int)task.kind, (int)JOB_RESTORE));
    cr_expect(eq(int, (int)task.state, (int)BACKUP_PENDING));
    cr_expect(eq(str, task.app, SHOP));
    cr_expect(eq(str, task.app_name, "shop"));
    cr_expect(eq(str, task.bucket, BUCKET));
    cr_expect(eq(str, task.backup, backup.subject));
    cr_expect(eq(str, task.backup_name, "nightly"));
    cr_expect(eq(sz, strlen(task.repository_snapshot), 64));
    cr_expect(eq(str, task.target, "/srv/out"));
    cr_expect(json_equal(task.includes, includes));
    cr_expect(eq(i64, task.bytes_total, -1));
    struct job job = claim();
    cr_expect(eq(str, job.id, made.job));
    cr_expect(eq(str, job.subject, made.id));
    cr_expect(eq(int, (int)job.kind, (int)JOB_RESTORE));
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "ready"); /* not in place */
}

Test(task_create, refuses_a_backup_that_cannot_be_restored)
{
    struct job running = run(SHOP, "running");
    struct job wiki = completed(WIKI, "wiki");
    struct made none;

    REFUSED(
        try_order(&(struct store_task_create){.kind = JOB_RESTORE, .backup = NOBODY}, &none, err),
        STATUS_NOT_FOUND, "unknown_backup");
    REFUSED(try_order(&(struct store_task_create){.kind = JOB_RESTORE,
                                                  .account = OTHER,
                                                  .backup = wiki.subject},
                      &none, err),
            STATUS_NOT_FOUND, "unknown_backup");
    REFUSED(
        try_order(
            &(struct store_task_create){.kind = JOB_RESTORE, .app = SHOP, .backup = wiki.subject},
            &none, err),
        STATUS_FORBIDDEN, "foreign_backup");
    REFUSED(try_order(&(struct store_task_create){.kind = JOB_RESTORE, .backup = running.subject},
                      &none, err),
            STATUS_CONFLICT, "backup_not_ready");
    MUST(delete (wiki.subject, err));
    REFUSED(try_order(&(struct store_task_create){.kind = JOB_RESTORE, .backup = wiki.subject},
                      &none, err),
            STATUS_CONFLICT, "backup_not_ready");
    EXPECT_TEXT(look("KEYS appbackup:task:*"), "");
}

Test(task_create, refuses_a_target_that_is_no_absolute_printable_path)
{
    struct job backup = completed(SHOP, "nightly");
    static const char *const bad[] = {"srv", "/srv\n", "/\xff"};
    struct made none;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        REFUSED(try_order(&(struct store_task_create){.kind = JOB_RESTORE,
                                                      .backup = backup.subject,
                                                      .target = bad[i]},
                          &none, err),
                STATUS_INVALID, "invalid_argument");
}

Test(task_create, allows_one_restore_in_place_and_one_prune_at_a_time)
{
    struct job backup = completed(SHOP, "nightly");
    struct made none;
    (void)restore(backup.subject, NULL);
    (void)order(&(struct store_task_create){.kind = JOB_PRUNE, .app = SHOP});

    REFUSED(try_order(&(struct store_task_create){.kind = JOB_RESTORE, .backup = backup.subject},
                      &none, err),
            STATUS_CONFLICT, "task_exists");
    REFUSED(try_order(&(struct store_task_create){.kind = JOB_PRUNE, .app = SHOP}, &none, err),
            STATUS_CONFLICT, "task_exists");
    (void)restore(backup.subject, "/srv/out"); /* beside it: as many as one likes, nearly */
    for (int i = 3; i < 64; i++)
        (void)restore(backup.subject, "/srv/out");
    REFUSED(try_order(&(struct store_task_create){.kind = JOB_RESTORE,
                                                  .backup = backup.subject,
                                                  .target = "/srv/out"},
                      &none, err),
            STATUS_CONFLICT, "task_exists");
}

Test(task_create, keeps_the_backup_from_being_deleted)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, "/srv/out");

    REFUSED(delete (backup.subject, err), STATUS_CONFLICT, "backup_in_use");
    struct job job = claim_running(made.job);
    REFUSED(delete (backup.subject, err), STATUS_CONFLICT, "backup_in_use");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (backup.subject, err));
}

Test(task_job, goes_before_backups_if_a_restore_and_behind_if_maintenance)
{
    struct job backup = completed(SHOP, "nightly");
    struct made prune = order(&(struct store_task_create){.kind = JOB_PRUNE, .app = WIKI});
    struct made wiki = make(WIKI, "wiki");
    struct made shop = restore(backup.subject, "/srv/out");

    struct job first = claim();
    struct job second = claim();
    struct job none = {0};
    cr_expect(eq(str, first.id, shop.job));
    cr_expect(eq(str, second.id, wiki.job));
    cr_expect(not(try_claim(&none, LEASE_MS))); /* the app is busy */
    MUST(finish(&second, STORE_OUTCOME_FAILED, "", err));
    struct job third = claim();
    cr_expect(eq(str, third.id, prune.job));
}

Test(task_job, has_progress_that_never_falls_and_ends_with_all_of_it)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);
    struct job job = claim_running(made.job);
    struct store_progress progress = STORE_PROGRESS_NONE;
    enum store_lease lease = STORE_LEASE_OK;
    progress.bytes_done = 50;
    progress.bytes_total = 100;
    MUST(store_job_renew(store, &job, LEASE_MS, &progress, &lease, err));
    progress.bytes_done = 20;
    MUST(store_job_renew(store, &job, LEASE_MS, &progress, &lease, err));

    EXPECT_TEXT(task_field(made.id, "bytes_done"), "50");
    EXPECT_TEXT(task_field(made.id, "percent_done"), "50");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(task_field(made.id, "state"), "completed");
    EXPECT_TEXT(task_field(made.id, "bytes_done"), "100");
    EXPECT_TEXT(task_field(made.id, "percent_done"), "100");
    EXPECT_TEXT(job_field(job.id, "state"), "done");
    EXPECT_TEXT(look("SCARD appbackup:active-tasks:" SHOP), "0");
    cr_expect(gt(i64, strtoll(look("TTL appbackup:task:%s", made.id), NULL, 10), 0));
    EXPECT_TEXT(backup_field(backup.subject, "state"), "completed"); /* nothing of it changes */
}

Test(task_job, is_retried_released_and_fenced_like_any_other)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);
    struct job job = claim_running(made.job);

    MUST(finish(&job, STORE_OUTCOME_RELEASED, "", err));
    EXPECT_TEXT(task_field(made.id, "state"), "pending");
    REFUSED(finish(&job, STORE_OUTCOME_COMPLETED, "", err), STATUS_LOST, "lease_lost");
    job = claim_running(made.job);
    const struct store_finish later = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 60000,
                                       .reason = "bucket unreachable",
                                       .progress = STORE_PROGRESS_NONE};
    MUST(store_job_finish(store, &job, &later, err));
    EXPECT_TEXT(task_field(made.id, "state"), "pending");
    EXPECT_TEXT(job_field(job.id, "state"), "delayed");
    EXPECT_TEXT(job_field(job.id, "failures"), "1");
    cr_expect(strstr(task_field(made.id, "state_unready"), "attempt 2 failed") != NULL);
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "restoring"); /* still */
}

Test(task_job, that_keeps_dying_ends_in_quarantine)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);
    const struct store_death death = {.evidence = "signal 9", .kills_max = 2};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    struct job job = claim_running(made.job);
    MUST(store_job_died(store, &job, &death, &verdict, err));
    cr_expect(eq(int, (int)verdict, (int)STORE_VERDICT_RETRY));
    EXPECT_TEXT(task_field(made.id, "state"), "pending");
    job = claim_running(made.job);

    MUST(store_job_died(store, &job, &death, &verdict, err));

    cr_expect(eq(int, (int)verdict, (int)STORE_VERDICT_QUARANTINED));
    EXPECT_TEXT(task_field(made.id, "state"), "failed");
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "failed");
    EXPECT_TEXT(look("ZRANGE appbackup:quarantine 0 -1"), made.job);
}

Test(task_job, moves_with_its_app_to_another_node)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 2}, err));

    register_apps("web2", (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    EXPECT_TEXT(task_field(made.id, "node"), "web2");
    EXPECT_TEXT(look("ZRANGE appbackup:queue:web2 0 -1"), made.job);
    EXPECT_TEXT(look("KEYS appbackup:backup:%s", made.id), "");
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "restoring");
}

Test(task_job, is_tried_again_where_its_app_has_gone_meanwhile)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);
    struct job job = claim_running(made.job);
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 2}, err));
    register_apps("web2", (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    MUST(finish(&job, STORE_OUTCOME_RELEASED, "", err));

    EXPECT_TEXT(task_field(made.id, "node"), "web2");
    EXPECT_TEXT(look("ZRANGE appbackup:queue:web2 0 -1"), made.job);
}

Test(task_app, is_restoring_and_then_ready)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);

    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "restoring");
    cr_expect(strstr(look("HGET appbackup:app:" SHOP " state_details"), "nightly in place") !=
              NULL);
    struct job job = claim_running(made.job);
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "ready");
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state_details"), "[]");
}

Test(task_app, has_failed_with_its_restore_until_something_succeeds)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, NULL);
    struct job job = claim_running(made.job);

    MUST(finish(&job, STORE_OUTCOME_FAILED, "pack 12 is damaged", err));

    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "failed");
    cr_expect(strstr(look("HGET appbackup:app:" SHOP " state_details"), "pack 12 is damaged") !=
              NULL);
    (void)completed(SHOP, "next");
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "ready");
}

Test(task_app, is_restoring_when_it_is_defined_again)
{
    struct job backup = completed(SHOP, "nightly");
    (void)restore(backup.subject, NULL);
    register_apps(NODE, NULL, NULL, 0);

    register_apps(NODE, (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " state"), "restoring");
}

Test(task_cancel, of_a_waiting_one_ends_it_at_once)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, "/srv/out");

    MUST(cancel(made.id, err));

    EXPECT_TEXT(task_field(made.id, "state"), "failed");
    cr_expect(strstr(task_field(made.id, "state_details"), "canceled") != NULL);
    struct job none = {0};
    cr_expect(not(try_claim(&none, LEASE_MS)));
    REFUSED(cancel(made.id, err), STATUS_CONFLICT, "illegal_transition");
    REFUSED(cancel(NOBODY, err), STATUS_NOT_FOUND, "unknown_task");
}

Test(task_cancel, of_a_running_one_asks_its_worker)
{
    struct job backup = completed(SHOP, "nightly");
    struct made made = restore(backup.subject, "/srv/out");
    struct job job = claim_running(made.job);

    MUST(cancel(made.id, err));

    enum store_lease lease = STORE_LEASE_OK;
    MUST(store_job_renew(store, &job, LEASE_MS, NULL, &lease, err));
    cr_expect(eq(int, (int)lease, (int)STORE_LEASE_CANCEL));
    MUST(finish(&job, STORE_OUTCOME_CANCELED, "", err));
    EXPECT_TEXT(task_field(made.id, "state"), "failed");
    EXPECT_TEXT(task_field(made.id, "state_unready"), "[\"canceled on request\"]");
}

static void purge_one(const char *name)
{
    struct job job = completed(SHOP, name);
    MUST(delete (job.subject, err));
    job = claim();
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
}

static void look_after(int64_t prune_after, int64_t verify_ms)
{
    const struct store_maintenance when = {.prune_after_deletes = prune_after,
                                           .prune_interval_ms = DAY_MS,
                                           .verify_interval_ms = verify_ms,
                                           .verify_sample = 5};
    int64_t queued = 0;
    MUST(store_maintenance_queue(store, NODE, &when, &queued, err));
}

Test(maintenance, prunes_after_so_many_deletes_and_once_a_day)
{
    purge_one("one");
    look_after(2, 0);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    purge_one("two");
    look_after(0, 0); /* switched off */
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");

    look_after(2, 0);
    look_after(2, 0); /* it is on its way already */

    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "1");
    struct job job = claim();
    cr_expect(eq(int, (int)job.kind, (int)JOB_PRUNE));
    cr_expect(eq(str, job.bucket, BUCKET));
    MUST(advance(&job, BACKUP_RUNNING, err));
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    purge_one("three");
    purge_one("four");
    look_after(2, 0);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0"); /* once a day */
    (void)look("HSET appbackup:repository:" BUCKET ":" SHOP " prune_ms 1000");
    look_after(2, 0);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "1");
}

Test(maintenance, verifies_when_the_interval_has_passed)
{
    (void)completed(SHOP, "nightly");
    look_after(0, DAY_MS);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    (void)look("ZADD appbackup:verified:" NODE " 1000 " BUCKET ":" SHOP);

    look_after(0, DAY_MS);

    struct job job = claim();
    cr_expect(eq(int, (int)job.kind, (int)JOB_VERIFY));
    EXPECT_TEXT(task_field(job.subject, "sample"), "5");
    EXPECT_TEXT(task_field(job.subject, "created_by"), "schedule");
    MUST(advance(&job, BACKUP_RUNNING, err));
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    look_after(0, DAY_MS);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0"); /* an interval later */
}

Test(maintenance, follows_an_app_to_its_node_and_forgets_one_that_is_gone)
{
    (void)completed(SHOP, "nightly");
    (void)completed(WIKI, "nightly");
    (void)look("ZADD appbackup:verified:" NODE " 1000 " BUCKET ":" SHOP " 1000 " BUCKET ":" WIKI);
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 2}, err));
    register_apps("web2", (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);
    register_apps(NODE, NULL, NULL, 0);

    look_after(0, DAY_MS);

    EXPECT_TEXT(look("ZRANGE appbackup:verified:web2 0 -1"), BUCKET ":" SHOP);
    EXPECT_TEXT(look("ZCARD appbackup:verified:" NODE), "0");
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
}

Test(maintenance, verifies_again_an_app_that_is_defined_again)
{
    (void)completed(SHOP, "nightly");
    (void)look("ZADD appbackup:verified:" NODE " 1000 " BUCKET ":" SHOP);
    register_apps(NODE, NULL, NULL, 0);
    look_after(0, DAY_MS);
    EXPECT_TEXT(look("ZCARD appbackup:verified:" NODE), "0");

    register_apps(NODE, (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    EXPECT_TEXT(look("ZRANGE appbackup:verified:" NODE " 0 -1"), BUCKET ":" SHOP);
    look_after(0, DAY_MS);
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0"); /* an interval later */
}

static void judge(const struct job *job, bool complete, const char *backup, const char *problem)
{
    json_auto_t *list = json_pack("[{s:s, s:s}]", "backup", backup, "problem", problem);
    MUST(store_verify_report(store, job,
                             &(struct store_verdicts){.complete = complete, .backups = list}, err));
}

Test(verify_report, turns_a_backup_removed_and_finds_it_again)
{
    struct job backup = completed(SHOP, "nightly");
    struct job deleted = completed(SHOP, "old");
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim_running(made.job);
    MUST(delete (deleted.subject, err));

    judge(&job, false, backup.subject, "data/ab/abcd is gone");
    judge(&job, false, deleted.subject, "data/ab/abcd is gone");

    EXPECT_TEXT(backup_field(backup.subject, "state"), "removed");
    EXPECT_TEXT(backup_field(backup.subject, "state_unready"), "[\"data\\/ab\\/abcd is gone\"]");
    cr_expect(strstr(backup_field(backup.subject, "state_details"), "data_damaged") != NULL);
    EXPECT_TEXT(backup_field(deleted.subject, "state"), "deleting");
    judge(&job, false, backup.subject, ""); /* only a sample was read */
    EXPECT_TEXT(backup_field(backup.subject, "state"), "removed");
    judge(&job, true, backup.subject, "");
    EXPECT_TEXT(backup_field(backup.subject, "state"), "completed");
    EXPECT_TEXT(backup_field(backup.subject, "state_unready"), "[]");
}

Test(verify_report, leaves_backups_of_others_alone_and_needs_the_claim)
{
    struct job wiki = completed(WIKI, "wiki");
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim_running(made.job);

    judge(&job, false, wiki.subject, "gone");

    EXPECT_TEXT(backup_field(wiki.subject, "state"), "completed");
    job.epoch--;
    REFUSED(store_verify_report(store, &job, &(struct store_verdicts){.is_last = true}, err),
            STATUS_LOST, "lease_lost");
}

Test(verify_report, is_shown_by_the_bucket_also_after_it_registers_again)
{
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim_running(made.job);
    MUST(store_verify_report(
        store, &job, &(struct store_verdicts){.is_last = true, .damage = "data/ab/abcd is gone"},
        err));

    register_bucket(BUCKET, "", "main", true);

    cr_expect(strstr(look("HGET appbackup:bucket:" BUCKET " state_details"),
                     "app shop: data\\/ab\\/abcd is gone") != NULL);
    MUST(store_verify_report(store, &job, &(struct store_verdicts){.is_last = true}, err));
    const char *details = look("HGET appbackup:bucket:" BUCKET " state_details");
    cr_expect(strstr(details, "abcd") == NULL, "%s", details);
    cr_expect(strstr(details, "what was read is sound") != NULL, "%s", details);
}

#define FOUND_1  "11111111-0000-4000-8000-0000000000f1"
#define FOUND_2  "11111111-0000-4000-8000-0000000000f2"
#define SNAPSHOT "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd"

static int64_t report_catalog(const struct job *job, const char *text)
{
    json_auto_t *entries = json_loads(text, 0, NULL);
    int64_t count = -1;
    MUST(store_catalog_report(store, job, entries, &count, err));
    return count;
}

static struct job claim_catalog(void)
{
    (void)order(&(struct store_task_create){.kind = JOB_CATALOG, .app = SHOP});
    struct job job = claim();
    MUST(advance(&job, BACKUP_RUNNING, err));
    return job;
}

#define ENTRY(id, name)                                \
    "{\"backup\": \"" id "\", \"name\": \"" name       \
    "\", \"taken_ms\": 1700000000000, \"bytes\": 42, " \
    "\"snapshot\": \"" SNAPSHOT "\"}"

Test(catalog_report, makes_records_of_what_has_none)
{
    struct job job = claim_catalog();

    cr_expect(eq(i64, report_catalog(&job, "[" ENTRY(FOUND_1, "old") "]"), 1));

    EXPECT_TEXT(backup_field(FOUND_1, "state"), "completed");
    EXPECT_TEXT(backup_field(FOUND_1, "app"), SHOP);
    EXPECT_TEXT(backup_field(FOUND_1, "bucket"), BUCKET);
    EXPECT_TEXT(backup_field(FOUND_1, "bytes_done"), "42");
    EXPECT_TEXT(backup_field(FOUND_1, "repository_snapshot"), SNAPSHOT);
    EXPECT_TEXT(look("ZRANGE appbackup:backups:" SHOP " 0 -1"), FOUND_1);
    EXPECT_TEXT(look("HGET appbackup:names:" SHOP " old"), FOUND_1);
    EXPECT_TEXT(look("ZRANGE appbackup:state:completed 0 -1"), FOUND_1);
    EXPECT_TEXT(look("ZRANGE appbackup:verified:" NODE " 0 -1"), BUCKET ":" SHOP);
    /* And once more is fine. */
    cr_expect(eq(i64, report_catalog(&job, "[" ENTRY(FOUND_1, "old") "]"), 0));
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("HGET appbackup:repository:" BUCKET ":" SHOP " catalog_state"), "completed");

    /* It can be deleted like any other. */
    MUST(delete (FOUND_1, err));
    struct job purge = claim();
    cr_expect(eq(str, purge.subject, FOUND_1));
    MUST(finish(&purge, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:" FOUND_1), "0");
}

Test(catalog_report, keeps_who_asked_and_how_and_the_labels)
{
    struct job job = claim_catalog();

    cr_expect(eq(i64,
                 report_catalog(&job, "[{\"backup\": \"" FOUND_1 "\", \"name\": \"old\", "
                                      "\"taken_ms\": 1, \"bytes\": 2, \"snapshot\": \"" SNAPSHOT
                                      "\", \"created_by\": \"" SHOP "\", \"version\": \"1.1\", "
                                      "\"labels\": [{\"name\": \"a\", \"value\": \"b\"}]}, " ENTRY(
                                          FOUND_2, "older") "]"),
                 2));

    EXPECT_TEXT(backup_field(FOUND_1, "created_by"), SHOP);
    EXPECT_TEXT(backup_field(FOUND_1, "version"), "1.1");
    cr_expect(strstr(backup_field(FOUND_1, "labels"), "\"value\":\"b\"") != NULL);
    EXPECT_TEXT(backup_field(FOUND_2, "created_by"), "00000000-0000-0000-0000-000000000000");
    EXPECT_TEXT(backup_field(FOUND_2, "version"), "1.2");
}

Test(catalog_report, leaves_its_job_alone_when_what_it_has_found_is_deleted)
{
    struct job job = claim_catalog();
    cr_expect(eq(i64, report_catalog(&job, "[" ENTRY(FOUND_1, "old") "]"), 1));

    MUST(delete (FOUND_1, err));

    EXPECT_TEXT(job_field(job.id, "cancel"), "");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    struct job purge = claim();
    cr_expect(eq(str, purge.subject, FOUND_1));
    cr_expect(eq(int, (int)purge.kind, (int)JOB_DELETE));
}

Test(catalog_report, leaves_a_record_that_is_there_as_it_is)
{
    struct job failed = run(SHOP, "nightly");
    MUST(finish(&failed, STORE_OUTCOME_FAILED, "why", err));
    struct job job = claim_catalog();
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "[{\"backup\": \"%s\", \"name\": \"nightly\", \"taken_ms\": 1, \"bytes\": 1, "
                   "\"snapshot\": \"" SNAPSHOT "\"}]",
                   failed.subject);
    cr_expect(eq(i64, report_catalog(&job, text), 0));
    EXPECT_TEXT(backup_field(failed.subject, "state"), "failed");
}

Test(catalog_report, gives_another_name_where_one_is_taken)
{
    struct job first = run(SHOP, "nightly");
    MUST(finish(&first, STORE_OUTCOME_COMPLETED, "", err));
    struct job job = claim_catalog();
    cr_expect(eq(i64, report_catalog(&job, "[" ENTRY(FOUND_2, "nightly") "]"), 1));
    EXPECT_TEXT(backup_field(FOUND_2, "name"), "nightly-11111111");
    EXPECT_TEXT(look("HGET appbackup:names:" SHOP " nightly"), first.subject);
}

Test(catalog_report, is_fenced_and_checked)
{
    struct job job = claim_catalog();
    json_auto_t *bad = json_loads("[" ENTRY(FOUND_1, "old") ", {\"backup\": \"x\"}]", 0, NULL);
    json_auto_t *good = json_loads("[" ENTRY(FOUND_1, "old") "]", 0, NULL);
    int64_t count = -1;
    REFUSED(store_catalog_report(store, &job, bad, &count, err), STATUS_INVALID,
            "invalid_argument");
    EXPECT_TEXT(look("EXISTS appbackup:backup:" FOUND_1), "0");
    struct job stale = job;
    stale.epoch--;
    REFUSED(store_catalog_report(store, &stale, good, &count, err), STATUS_LOST, "lease_lost");
    EXPECT_TEXT(look("EXISTS appbackup:backup:" FOUND_1), "0");
}
