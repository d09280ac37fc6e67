/* Backups that somebody deletes or cancels. */
#include "scenario.h"

TestSuite(backup_delete, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_cancel, .init = start, .fini = stop, .timeout = 60);

Test(backup_delete, takes_a_waiting_one_out_of_the_queue_at_once)
{
    struct made made = make(SHOP, "nightly");

    MUST(delete (made.id, err));

    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", made.id), "0");
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    EXPECT_TEXT(look("ZCARD appbackup:backups:" SHOP), "0");
    EXPECT_TEXT(look("HLEN appbackup:names:" SHOP), "0");
    EXPECT_TEXT(job_field(made.job, "state"), "done");
    REFUSED(delete (made.id, err), STATUS_NOT_FOUND, "unknown_backup");
}

static void finish_with_retry(const struct job *job)
{
    const struct store_finish later = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 60000,
                                       .reason = "bucket unreachable",
                                       .progress = STORE_PROGRESS_NONE};
    MUST(store_job_finish(store, job, &later, err));
    EXPECT_TEXT(look("ZCARD appbackup:delayed"), "1");
}

/* A delete job is next, and when it is done the backup is gone. */
static void expect_removal(const char *id)
{
    EXPECT_TEXT(backup_field(id, "state"), "deleting");
    struct job removal = claim();
    cr_expect(eq(int, (int)removal.kind, (int)JOB_DELETE));
    EXPECT_TEXT(removal.subject, id);
    MUST(finish(&removal, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", id), "0");
}

/* The attempt may have committed its snapshot and died before it told. */
Test(backup_delete, removes_the_data_of_one_that_waits_for_a_retry)
{
    struct job job = run(SHOP, "nightly");
    finish_with_retry(&job);

    MUST(delete (job.subject, err));

    EXPECT_TEXT(look("ZCARD appbackup:delayed"), "0");
    EXPECT_TEXT(job_field(job.id, "state"), "done");
    expect_removal(job.subject);
}

Test(backup_delete, removes_the_data_of_one_whose_job_was_lost)
{
    struct made made = make(SHOP, "nightly");
    (void)look("DEL appbackup:job:%s", made.job);
    (void)look("ZREM appbackup:queue:" NODE " %s", made.job);

    MUST(delete (made.id, err));

    expect_removal(made.id);
}

static void try_again(const char *id)
{
    const struct store_lever lever = {.actor = ACTOR};
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_retry(&call, id, &lever);
    MUST(run_call(&call, &reply, err));
}

Test(backup_delete, removes_the_data_of_one_that_was_tried_again)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_FAILED, "no such path", err));
    try_again(job.subject);
    MUST(delete (job.subject, err));
    expect_removal(job.subject);

    job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_FAILED, "no such path", err));
    (void)look("DEL appbackup:job:%s", job.id); /* a day later nobody remembers it */
    try_again(job.subject);
    MUST(delete (job.subject, err));
    expect_removal(job.subject);
}

Test(backup_delete, leaves_the_data_of_earlier_attempts_to_a_delete_job)
{
    static const enum store_outcome ends[] = {STORE_OUTCOME_CANCELED, STORE_OUTCOME_FAILED};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct job first = run(SHOP, "nightly");
        MUST(finish(&first, STORE_OUTCOME_RELEASED, "", err));
        struct job second = claim();
        cr_assert(eq(str, second.id, first.id));
        MUST(delete (second.subject, err));

        MUST(finish(&second, ends[i], "asked to stop", err));

        EXPECT_TEXT(job_field(second.id, "state"), "done");
        expect_removal(second.subject);
    }
}

Test(backup_delete, asks_a_running_one_to_stop_and_then_it_is_gone)
{
    struct job job = run(SHOP, "nightly");

    MUST(delete (job.subject, err));

    EXPECT_TEXT(backup_field(job.subject, "state"), "deleting");
    enum store_lease lease = STORE_LEASE_OK;
    MUST(store_job_renew(store, &job, LEASE_MS, NULL, &lease, err));
    cr_expect(eq(int, (int)lease, (int)STORE_LEASE_CANCEL));
    MUST(store_job_advance(store, &job, BACKUP_RUNNING, LEASE_MS, NULL, &lease, err));
    cr_expect(eq(int, (int)lease, (int)STORE_LEASE_CANCEL));
    MUST(finish(&job, STORE_OUTCOME_CANCELED, "asked to stop", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", job.subject), "0");
}

Test(backup_delete, removes_the_data_of_one_that_completes_meanwhile)
{
    static const char snapshot[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct job job = run(SHOP, "nightly");
    MUST(delete (job.subject, err));
    struct store_finish last = {
        .outcome = STORE_OUTCOME_COMPLETED, .reason = "", .progress = STORE_PROGRESS_NONE};
    last.progress.repository_snapshot = snapshot;

    MUST(store_job_finish(store, &job, &last, err));

    EXPECT_TEXT(backup_field(job.subject, "state"), "deleting");
    EXPECT_TEXT(backup_field(job.subject, "repository_snapshot"), snapshot);
    struct job removal = claim();
    cr_expect(eq(int, (int)removal.kind, (int)JOB_DELETE));
    cr_expect(eq(str, removal.subject, job.subject));
    MUST(finish(&removal, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", job.subject), "0");
    EXPECT_TEXT(look("HLEN appbackup:names:" SHOP), "0");
}

Test(backup_delete, fails_visibly_and_can_be_tried_again)
{
    struct job job = run(SHOP, "nightly");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    MUST(delete (job.subject, err));
    REFUSED(delete (job.subject, err), STATUS_CONFLICT, "already_deleting");
    struct job removal = claim();

    MUST(finish(&removal, STORE_OUTCOME_FAILED, "the bucket refuses to delete", err));

    CLEANUP(backup_done) struct backup backup = {0};
    MUST(store_backup_get(store, NULL, NULL, job.subject, &backup, err));
    cr_expect(eq(int, (int)backup.state, (int)BACKUP_FAILED));
    cr_expect(eq(str, (char *)json_string_value(json_array_get(backup.state_unready, 0)),
                 "delete failed: the bucket refuses to delete"));
    cr_expect(eq(
        str,
        (char *)json_string_value(json_object_get(json_array_get(backup.state_details, 0), "type")),
        "https://appbackup.invalid/reasons/delete_failed"));
    MUST(delete (job.subject, err));
    struct job again = claim();
    cr_expect(ne(str, again.id, removal.id));
    MUST(finish(&again, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", job.subject), "0");
}

static enum status cancel(const char *id, const char *reason, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_cancel(&call, ACCOUNT, SHOP, id, ACTOR, reason);
    return run_call(&call, &reply, err);
}

/* look() gives one text at a time. */
static char *backup_details(const char *id)
{
    static char text[1024];
    (void)snprintf(text, sizeof(text), "%s", backup_field(id, "state_details"));
    return text;
}

/* Its fields and values, one behind the other. */
static const char *last_journal(void)
{
    static char text[4096];
    redisReply *reply = redisCommand(redis, "XREVRANGE appbackup:journal + - COUNT 1");
    cr_assert(eq(sz, reply->elements, 1));
    const redisReply *fields = reply->element[0]->element[1];
    text[0] = '\0';
    for (size_t i = 0; i < fields->elements; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s ", fields->element[i]->str);
    }
    freeReplyObject(reply);
    return text;
}

static struct made made_of(const struct job *job)
{
    struct made made;
    memcpy(made.id, job->subject, ID_SIZE);
    memcpy(made.job, job->id, ID_SIZE);
    return made;
}

static void expect_canceled(struct made made, const char *why)
{
    char text[256];
    EXPECT_TEXT(backup_field(made.id, "state"), "failed");
    EXPECT_TEXT(job_field(made.job, "state"), "done");
    (void)snprintf(text, sizeof(text), "[\"%s\"]", why);
    EXPECT_TEXT(backup_field(made.id, "state_unready"), text);
    (void)snprintf(text, sizeof(text),
                   "[{\"type\":\"https:\\/\\/appbackup.invalid\\/reasons\\/canceled\",\"title\":"
                   "\"Backup canceled\",\"detail\":\"%s\"}]",
                   why);
    cr_expect(eq(str, backup_details(made.id), text));
}

Test(backup_cancel, ends_one_that_waits_at_once_and_says_who_and_why)
{
    struct made made = make(SHOP, "a");

    MUST(cancel(made.id, "no more room", err));

    expect_canceled(made, "canceled on request: no more room");
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    const char *last = last_journal();
    cr_expect(strstr(last, "failed") != NULL && strstr(last, ACTOR) != NULL, "%s", last);
    cr_expect(strstr(last, "canceled on request: no more room") != NULL, "%s", last);
    REFUSED(cancel(made.id, NULL, err), STATUS_CONFLICT, "illegal_transition");
}

Test(backup_cancel, ends_one_that_waits_for_a_retry)
{
    struct job job = run(SHOP, "a");
    const struct store_finish retry = {.outcome = STORE_OUTCOME_RETRY,
                                       .delay_ms = 60000,
                                       .reason = "bucket away",
                                       .progress = STORE_PROGRESS_NONE};
    MUST(store_job_finish(store, &job, &retry, err));
    MUST(cancel(job.subject, NULL, err));
    expect_canceled(made_of(&job), "canceled on request");
    EXPECT_TEXT(look("ZCARD appbackup:delayed"), "0");
}

Test(backup_cancel, asks_the_worker_to_stop_and_tells_who_it_was_in_the_end)
{
    struct job job = run(SHOP, "a");
    enum store_lease answer = STORE_LEASE_OK;

    MUST(cancel(job.subject, "first", err));
    MUST(cancel(job.subject, "second", err)); /* changes nothing */

    EXPECT_TEXT(backup_field(job.subject, "state"), "running");
    EXPECT_TEXT(backup_field(job.subject, "state_unready"), "[\"being canceled\"]");
    MUST(store_job_renew(store, &job, LEASE_MS, NULL, &answer, err));
    cr_expect(eq(int, (int)answer, (int)STORE_LEASE_CANCEL));
    MUST(finish(&job, STORE_OUTCOME_CANCELED, "upload: canceled on request", err));
    expect_canceled(made_of(&job), "canceled on request: first");
    cr_expect(strstr(last_journal(), ACTOR) != NULL);
}

Test(backup_cancel, counts_also_when_the_worker_fails_stops_or_dies)
{
    struct job failed = run(SHOP, "a");
    MUST(cancel(failed.subject, NULL, err));
    MUST(finish(&failed, STORE_OUTCOME_RETRY, "bucket away", err));
    expect_canceled(made_of(&failed), "canceled on request");

    struct job stopped = run(SHOP, "b");
    MUST(cancel(stopped.subject, NULL, err));
    MUST(finish(&stopped, STORE_OUTCOME_RELEASED, "worker stops", err));
    expect_canceled(made_of(&stopped), "canceled on request");

    struct job dead = run(SHOP, "c");
    MUST(cancel(dead.subject, NULL, err));
    const struct store_death death = {.evidence = "signal 9", .kills_max = 3};
    enum store_verdict verdict = STORE_VERDICT_NONE;
    MUST(store_job_died(store, &dead, &death, &verdict, err));
    cr_expect(eq(int, (int)verdict, (int)STORE_VERDICT_CANCELED));
    expect_canceled(made_of(&dead), "canceled on request");
}

Test(backup_cancel, comes_too_late_for_one_that_has_been_committed)
{
    struct job job = run(SHOP, "a");
    MUST(cancel(job.subject, NULL, err));
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));
    EXPECT_TEXT(backup_field(job.subject, "state"), "completed");
    REFUSED(cancel(job.subject, NULL, err), STATUS_CONFLICT, "illegal_transition");
}

Test(backup_cancel, is_refused_where_there_is_nothing_to_cancel)
{
    struct job job = run(SHOP, "a");
    MUST(delete (job.subject, err));
    REFUSED(cancel(job.subject, NULL, err), STATUS_CONFLICT, "already_deleting");
    REFUSED(cancel(NOBODY, NULL, err), STATUS_NOT_FOUND, "unknown_backup");
    MUST(finish(&job, STORE_OUTCOME_CANCELED, "", err));
    EXPECT_TEXT(look("EXISTS appbackup:backup:%s", job.subject), "0");
}
