/* The levers of admins, and the reports that tell them what to pull. */
#include "scenario.h"

TestSuite(retry, .init = start, .fini = stop, .timeout = 60);
TestSuite(requeue, .init = start, .fini = stop, .timeout = 60);
TestSuite(quarantine, .init = start, .fini = stop, .timeout = 60);
TestSuite(pause, .init = start, .fini = stop, .timeout = 60);
TestSuite(reports, .init = start, .fini = stop, .timeout = 60);

static const struct store_lever lever = {.actor = "admin", .reason = "it is well again"};

static enum status retry(const char *id, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_retry(&call, id, &lever);
    return run_call(&call, &reply, err);
}

static enum status requeue(const char *id, bool force, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_job_requeue(&call, id, lever.actor, force, lever.reason);
    return run_call(&call, &reply, err);
}

static enum status release(const char *id, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_quarantine_release(&call, id, &lever);
    return run_call(&call, &reply, err);
}

static enum status drop(const char *id, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_quarantine_drop(&call, id, &lever);
    return run_call(&call, &reply, err);
}

static enum status hold(const char *kind, const char *name, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_pause(&call, kind, name, &lever);
    return run_call(&call, &reply, err);
}

static enum status let_go(const char *kind, const char *name, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_resume(&call, kind, name, &lever);
    return run_call(&call, &reply, err);
}

static void expect_said(const char *text, const char *part)
{
    cr_expect(strstr(text, part) != NULL, "'%s' is not in: %s", part, text);
}

/* The journal's last entry: "field\nvalue\n..." */
static const char *last_entry(void)
{
    static char text[2048];
    CLEANUP(reply_freep)
    redisReply *reply = redisCommand(redis, "XREVRANGE appbackup:journal + - COUNT 1");
    cr_assert(eq(sz, reply->elements, 1));
    const redisReply *fields = reply->element[0]->element[1];
    text[0] = '\0';
    for (size_t i = 0; i < fields->elements; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n",
                       fields->element[i]->str);
    return text;
}

static struct job doomed(const char *app, const char *name)
{
    struct job job = run(app, name);
    const struct store_death death = {.evidence = "signal 9", .kills_max = 1};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, &job, &death, &verdict, err));
    cr_assert(eq(int, (int)verdict, (int)STORE_VERDICT_QUARANTINED));
    return job;
}

static struct job delayed(const char *app, const char *name)
{
    struct job job = run(app, name);
    const struct store_finish later = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 3600 * 1000,
                                       .reason = "bucket unreachable",
                                       .progress = STORE_PROGRESS_NONE};
    MUST(store_job_finish(store, &job, &later, err));
    return job;
}

static void report_bytes(const struct job *job, int64_t done, int64_t total)
{
    struct store_progress progress = STORE_PROGRESS_NONE;
    enum store_lease lease = STORE_LEASE_LATE;
    progress.bytes_done = done;
    progress.bytes_total = total;
    MUST(store_job_renew(store, job, LEASE_MS, &progress, &lease, err));
}

Test(retry, makes_a_failed_backup_pending_with_a_new_job_and_what_was_done)
{
    struct job job = run(SHOP, "nightly");
    report_bytes(&job, 700, 1000);
    MUST(finish(&job, STORE_OUTCOME_FAILED, "no such path", err));

    MUST(retry(job.subject, err));

    EXPECT_TEXT(backup_field(job.subject, "state"), "pending");
    EXPECT_TEXT(backup_field(job.subject, "bytes_done"), "700");
    EXPECT_TEXT(backup_field(job.subject, "state_unready"), "[]");
    expect_said(last_entry(), "from\nfailed\nto\npending\n");
    expect_said(last_entry(), "who\nadmin\nwhy\ntried again on request: it is well again\n");
    struct job again = claim();
    EXPECT_TEXT(again.subject, job.subject);
    cr_expect(strcmp(again.id, job.id) != 0);
    MUST(advance(&again, BACKUP_DISCOVERING, err));
    report_bytes(&again, 10, 900);
    EXPECT_TEXT(backup_field(job.subject, "bytes_done"), "700");
    MUST(advance(&again, BACKUP_RUNNING, err));
    MUST(finish(&again, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(backup_field(job.subject, "state"), "completed");
}

Test(retry, forgets_that_it_was_canceled)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_CANCELED, "enough", err));
    expect_said(backup_field(job.subject, "state_details"), "canceled");

    MUST(retry(job.subject, err));

    EXPECT_TEXT(backup_field(job.subject, "state_details"), "[]");
}

Test(retry, is_refused_for_what_has_not_failed_and_for_a_failed_delete)
{
    struct job job = run(SHOP, "nightly");
    REFUSED(retry(job.subject, err), STATUS_CONFLICT, "illegal_transition");
    REFUSED(retry(NOBODY, err), STATUS_NOT_FOUND, "unknown_backup");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (job.subject, err));
    struct job removal = claim();
    MUST(finish(&removal, STORE_OUTCOME_FAILED, "bucket is read-only", err));
    EXPECT_TEXT(backup_field(job.subject, "state"), "failed");

    REFUSED(retry(job.subject, err), STATUS_CONFLICT, "illegal_transition");
}

Test(retry, needs_the_app)
{
    struct job job = run(WIKI, "nightly");
    MUST(finish(&job, STORE_OUTCOME_FAILED, "no such path", err));
    register_apps(NODE, (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    REFUSED(retry(job.subject, err), STATUS_NOT_FOUND, "unknown_app");

    EXPECT_TEXT(backup_field(job.subject, "state"), "failed");
}

Test(retry, queues_a_failed_task_again)
{
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim();
    MUST(advance(&job, BACKUP_RUNNING, err));
    MUST(finish(&job, STORE_OUTCOME_FAILED, "damaged", err));
    cr_assert(lt(int, 0, atoi(look("TTL appbackup:task:%s", made.id))));

    MUST(retry(made.id, err));

    EXPECT_TEXT(task_field(made.id, "state"), "pending");
    EXPECT_TEXT(look("TTL appbackup:task:%s", made.id), "-1");
    EXPECT_TEXT(look("SMEMBERS appbackup:active-tasks:" SHOP), made.id);
    REFUSED(retry(made.id, err), STATUS_CONFLICT, "illegal_transition");
    EXPECT_TEXT(claim().subject, made.id);
}

Test(retry, of_a_task_is_refused_beside_one_like_it)
{
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim();
    MUST(finish(&job, STORE_OUTCOME_FAILED, "damaged", err));
    (void)order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});

    REFUSED(retry(made.id, err), STATUS_CONFLICT, "task_exists");
}

Test(requeue, takes_a_delayed_job_to_the_queue)
{
    struct job job = delayed(SHOP, "nightly");

    MUST(requeue(job.id, false, err));

    EXPECT_TEXT(job_field(job.id, "state"), "queued");
    EXPECT_TEXT(backup_field(job.subject, "state_unready"), "[]");
    expect_said(last_entry(), "from\npending\nto\npending\n");
    expect_said(last_entry(), "who\nadmin\n");
    REFUSED(requeue(job.id, false, err), STATUS_CONFLICT, "illegal_transition");
    EXPECT_TEXT(claim().id, job.id);
}

Test(requeue, of_a_claimed_job_needs_force_and_makes_its_epoch_stale)
{
    struct job job = run(SHOP, "nightly");
    REFUSED(requeue(job.subject, false, err), STATUS_CONFLICT, "lease_held");
    EXPECT_TEXT(job_field(job.id, "state"), "claimed");

    MUST(requeue(job.subject, true, err)); /* the backup's id does as well */

    EXPECT_TEXT(job_field(job.id, "state"), "queued");
    EXPECT_TEXT(backup_field(job.subject, "state"), "pending");
    expect_said(last_entry(), "who\nadmin\n");
    EXPECT_TEXT(job_field(job.id, "kills"), "0");
    REFUSED(finish(&job, STORE_OUTCOME_COMPLETED, "", err), STATUS_LOST, "lease_lost");
    struct job again = claim();
    EXPECT_TEXT(again.id, job.id);
    cr_expect(lt(i64, job.epoch, again.epoch));
}

Test(requeue, of_a_claimed_job_needs_no_force_when_its_lease_is_over)
{
    struct job job = run(SHOP, "nightly");
    (void)look("HSET appbackup:job:%s lease_until_ms 1", job.id);

    MUST(requeue(job.id, false, err));

    EXPECT_TEXT(job_field(job.id, "state"), "queued");
}

Test(requeue, ends_a_job_that_was_asked_to_stop)
{
    struct made made = order(&(struct store_task_create){.kind = JOB_VERIFY, .app = SHOP});
    struct job job = claim();
    MUST(advance(&job, BACKUP_RUNNING, err));
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_task_cancel(&call, NULL, made.id, "admin", "too slow");
    MUST(run_call(&call, &reply, err));

    MUST(requeue(job.id, true, err));

    EXPECT_TEXT(job_field(job.id, "state"), "done");
    EXPECT_TEXT(task_field(made.id, "state"), "failed");
    expect_said(task_field(made.id, "state_unready"), "canceled on request: too slow");
}

Test(requeue, is_refused_for_what_is_done_or_not_there)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));

    REFUSED(requeue(job.id, true, err), STATUS_CONFLICT, "illegal_transition");
    REFUSED(requeue(NOBODY, true, err), STATUS_NOT_FOUND, "unknown_job");
}

Test(quarantine, releases_a_job_as_if_it_were_new)
{
    struct job job = doomed(SHOP, "nightly");

    MUST(release(job.id, err));

    EXPECT_TEXT(look("ZCARD appbackup:quarantine"), "0");
    EXPECT_TEXT(backup_field(job.subject, "state"), "pending");
    EXPECT_TEXT(job_field(job.id, "kills"), "0");
    struct job again = claim();
    EXPECT_TEXT(again.id, job.id);
    cr_expect(lt(i64, job.epoch, again.epoch));
    REFUSED(release(job.id, err), STATUS_CONFLICT, "illegal_transition");
}

Test(quarantine, is_left_by_a_retry_of_the_backup_too)
{
    struct job job = doomed(SHOP, "nightly");

    MUST(retry(job.subject, err));

    EXPECT_TEXT(claim().id, job.id);
}

Test(quarantine, releases_a_delete)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (job.subject, err));
    struct job removal = claim();
    const struct store_death death = {.evidence = "signal 9", .kills_max = 1};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, &removal, &death, &verdict, err));
    EXPECT_TEXT(backup_field(job.subject, "state"), "failed");

    MUST(release(removal.id, err));

    EXPECT_TEXT(backup_field(job.subject, "state"), "deleting");
    struct job again = claim();
    EXPECT_TEXT(again.id, removal.id);
    MUST(finish(&again, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(backup_field(job.subject, "state"), "");
}

Test(quarantine, drops_a_job_and_leaves_its_backup_failed)
{
    struct job job = doomed(SHOP, "nightly");

    MUST(drop(job.id, err));

    EXPECT_TEXT(job_field(job.id, "state"), "done");
    EXPECT_TEXT(backup_field(job.subject, "state"), "failed");
    expect_said(last_entry(), "from\nfailed\nto\nfailed\n");
    expect_said(last_entry(), "why\ndropped from quarantine: it is well again\n");
    REFUSED(drop(job.id, err), STATUS_CONFLICT, "illegal_transition");
}

static void expect_held(const char *kind, const char *name)
{
    struct made made = make(SHOP, kind);
    struct job job = {0};
    MUST(hold(kind, name, err));
    REFUSED(hold(kind, name, err), STATUS_CONFLICT, "already_paused");
    expect_said(last_entry(), "who\nadmin\n");

    cr_expect(not(try_claim(&job, LEASE_MS)));
    char expected[200];
    (void)snprintf(expected, sizeof(expected), "is paused by admin: it is well again");
    expect_said(look("FCALL_RO appbackup_backup_wait 0 %s", made.id), expected);
    expect_said(look("FCALL_RO appbackup_explain 0 %s", made.id), expected);
    expect_said(look("FCALL_RO appbackup_queue 0"), expected);
    expect_said(look("FCALL_RO appbackup_status 0"), expected);
    expect_said(look("FCALL_RO appbackup_limits 0"), expected);

    MUST(let_go(kind, name, err));
    REFUSED(let_go(kind, name, err), STATUS_CONFLICT, "not_paused");
    EXPECT_TEXT(look("EXISTS appbackup:paused"), "0");
    cr_assert(try_claim(&job, LEASE_MS));
    EXPECT_TEXT(job.id, made.job);
    MUST(finish(&job, STORE_OUTCOME_FAILED, "", err));
}

Test(pause, holds_back_a_node)
{
    expect_held("node", NODE);
}

Test(pause, holds_back_an_app_by_name_and_by_id)
{
    expect_held("app", "shop");
    MUST(hold("app", SHOP, err));
    MUST(let_go("app", "shop", err));
}

Test(pause, holds_back_a_bucket)
{
    expect_held("bucket", "main");
}

Test(pause, leaves_what_runs_and_what_is_another_s)
{
    struct job job = run(SHOP, "nightly");
    (void)make(SHOP, "later");
    struct made other = make(WIKI, "other");
    MUST(hold("app", "shop", err));

    report_bytes(&job, 1, 2);
    EXPECT_TEXT(claim().id, other.job);
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    struct job none = {0};
    cr_expect(not(try_claim(&none, LEASE_MS)));
}

Test(pause, is_told_beside_the_reason_of_a_retry)
{
    struct job job = delayed(SHOP, "nightly");
    MUST(hold("app", "shop", err));

    const char *wait = look("FCALL_RO appbackup_backup_get 0 %s %s %s", ACCOUNT, SHOP, job.subject);
    expect_said(wait, "bucket unreachable\",\"app shop is paused by admin: it is well again\"]");
}

Test(pause, is_refused_for_what_is_not_there_or_has_two_meanings)
{
    static const char second[] = "cccccccc-0000-5000-8000-000000000002";
    REFUSED(hold("node", "web9", err), STATUS_NOT_FOUND, "unknown_node");
    REFUSED(hold("app", "nope", err), STATUS_NOT_FOUND, "unknown_app");
    REFUSED(hold("bucket", NOBODY, err), STATUS_NOT_FOUND, "unknown_bucket");
    REFUSED(hold("planet", "earth", err), STATUS_INVALID, "invalid_argument");
    register_bucket(second, ACCOUNT, "main", false);

    REFUSED(hold("bucket", "main", err), STATUS_INVALID, "invalid_argument");
    MUST(hold("bucket", second, err));
    EXPECT_TEXT(look("EXISTS appbackup:paused"), "1");
}

Test(pause, ends_for_an_app_that_is_defined_no_more)
{
    MUST(hold("app", "wiki", err));
    register_apps(NODE, (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    MUST(let_go("app", "wiki", err));
}

Test(reports, tell_programs_the_same_in_json)
{
    struct job job = run(SHOP, "nightly");
    report_bytes(&job, 9007199254740000, 9007199254740001);
    struct made waits = make(SHOP, "later");

    expect_said(look("FCALL_RO appbackup_queue 0 %s json", ""), "\"bytes_done\":9007199254740000");
    const char *queue = look("FCALL_RO appbackup_queue 0 " NODE " json");
    expect_said(queue, "\"state\":\"running\"");
    expect_said(queue, waits.job);
    expect_said(queue, "\"waits\":\"waiting for backup nightly of the same app\"");
    expect_said(look("FCALL_RO appbackup_limits 0 json"), "\"jobs\":1,\"jobs_max\":1");
    EXPECT_TEXT(look("FCALL_RO appbackup_quarantine 0 json"), "[]");
}

Test(reports, say_what_needs_a_person)
{
    expect_said(look("FCALL_RO appbackup_status 0"), "backups: pending 0");
    struct job job = doomed(SHOP, "nightly");
    (void)look("ZADD appbackup:nodes 1 " NODE);
    (void)look("HSET appbackup:node:" NODE " heartbeat_ms 1");
    (void)look("HSET appbackup:bucket:" BUCKET " state failed probe_details %s",
               "[{\"detail\":\"read-only\"}]");

    const char *status = look("FCALL_RO appbackup_status 0 json");
    expect_said(status, "node " NODE ": no living worker since 1970-01-01");
    expect_said(status, "bucket main: failed: read-only");
    expect_said(status, job.id);
    expect_said(look("FCALL_RO appbackup_quarantine 0"), "signal 9");
}

Test(reports, of_history_follow_a_backup_a_job_and_a_task)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "all is there", err));
    struct made task = order(&(struct store_task_create){.kind = JOB_PRUNE, .app = SHOP});

    char lines[4096];
    (void)snprintf(lines, sizeof(lines), "%s",
                   look("FCALL_RO appbackup_history 0 %s", job.subject));
    expect_said(lines, "running -> completed  epoch 1  " WORKER "  all is there");
    expect_said(lines, "none -> pending");
    EXPECT_TEXT(look("FCALL_RO appbackup_history 0 %s", job.id), lines);
    expect_said(look("FCALL_RO appbackup_history 0 %s + json", task.id), "\"from\":\"none\"");
    EXPECT_TEXT(look("FCALL_RO appbackup_history 0 " NOBODY " (5-0 json"),
                "{\"entries\":[],\"before\":\"\"}");
}
