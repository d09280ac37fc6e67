/* Tasks: asked for, done, canceled. */
#include "scenario.h"

TestSuite(task_create, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_job, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_app, .init = start, .fini = stop, .timeout = 60);
TestSuite(task_cancel, .init = start, .fini = stop, .timeout = 60);

static struct made restore(const char *backup, const char *target)
{
    return order(
        &(struct store_task_create){.kind = JOB_RESTORE, .backup = backup, .target = target});
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
    cr_expect(lt(i64, 0, strtoll(look("TTL appbackup:task:%s", made.id), NULL, 10)));
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
