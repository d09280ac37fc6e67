/* Tasks that are queued by themselves, and what verifications and catalogues find. */
#include "scenario.h"

TestSuite(maintenance, .init = start, .fini = stop, .timeout = 60);
TestSuite(verify_report, .init = start, .fini = stop, .timeout = 60);
TestSuite(catalog_report, .init = start, .fini = stop, .timeout = 60);

enum { DAY_MS = 24 * 3600 * 1000 };

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
    struct store_cataloged answer = {.created = -1};
    MUST(store_catalog_report(store, job, entries, &answer, err));
    cr_expect(zero(sz, json_array_size(answer.refused)), "%s",
              json_string_value(json_array_get(answer.refused, 0)));
    store_cataloged_done(&answer);
    return answer.created;
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

Test(catalog_report, is_fenced_and_bounded)
{
    struct job job = claim_catalog();
    json_auto_t *good = json_loads("[" ENTRY(FOUND_1, "old") "]", 0, NULL);
    json_auto_t *many = json_array();
    struct store_cataloged answer = {.created = -1};
    struct job stale = job;
    stale.epoch--;
    for (int i = 0; i <= STORE_LIST_MAX; i++)
        (void)json_array_append(many, json_array_get(good, 0));
    REFUSED(store_catalog_report(store, &stale, good, &answer, err), STATUS_LOST, "lease_lost");
    REFUSED(store_catalog_report(store, &job, many, &answer, err), STATUS_INVALID,
            "invalid_argument");
    EXPECT_TEXT(look("EXISTS appbackup:backup:" FOUND_1), "0");
}

/* Whatever one entry says, the two around it get their records; why it gets none is told. */
static void refuse_between(const struct job *job, const char *entry, const char *why)
{
    char text[2048];
    (void)snprintf(text, sizeof(text), "[%s, %s, %s]", ENTRY(FOUND_1, "old"), entry,
                   ENTRY(FOUND_2, "older"));
    json_auto_t *entries = json_loads(text, 0, NULL);
    struct store_cataloged answer = {.created = -1};
    cr_assert(entries != NULL, "%s", text);
    MUST(store_catalog_report(store, job, entries, &answer, err));
    cr_expect(eq(i64, answer.created, 2), "%s", entry);
    cr_assert(eq(sz, json_array_size(answer.refused), 1), "%s", entry);
    cr_expect(eq(str, (char *)(uintptr_t)json_string_value(json_array_get(answer.refused, 0)),
                 (char *)(uintptr_t)why),
              "%s", entry);
    EXPECT_TEXT(look("ZCARD appbackup:backups:" SHOP), "2");
    EXPECT_TEXT(backup_field(FOUND_1, "state"), "completed");
    EXPECT_TEXT(backup_field(FOUND_2, "state"), "completed");
    store_cataloged_done(&answer);
    (void)look("DEL appbackup:backup:" FOUND_1 " appbackup:backup:" FOUND_2
               " appbackup:backups:" SHOP " appbackup:names:" SHOP);
}

#define FOUND_3        "11111111-0000-4000-8000-0000000000f3"
#define OF_THREE       "snapshots/" SNAPSHOT ": "
#define ODD(members)   "{\"backup\": \"" FOUND_3 "\", \"snapshot\": \"" SNAPSHOT "\", " members "}"
#define ODD_TIME(time) ODD("\"name\": \"odd\", \"bytes\": 1, \"taken_ms\": " time)
#define ODD_SIZE(size) ODD("\"name\": \"odd\", \"taken_ms\": 1, \"bytes\": " size)
#define ODD_MORE(more) ODD("\"name\": \"odd\", \"taken_ms\": 1, \"bytes\": 1, " more)

Test(catalog_report, refuses_an_entry_for_itself)
{
    static const struct {
        const char *entry, *why;
    } cases[] = {
        {"null", "entry 2: an entry must be an object"},
        {"17", "entry 2: an entry must be an object"},
        {"[]", "entry 2: backup is not an id"},
        {"{\"backup\": \"x\"}", "entry 2: backup is not an id"},
        {"{\"backup\": {}, \"snapshot\": \"" SNAPSHOT "\"}",
         OF_THREE "backup is neither a text nor a whole number"},
        {ODD_TIME("-315619200000"), OF_THREE "taken_ms must be a whole number from 0 to "
                                             "9007199254740992"},
        {ODD_TIME("9007199254740994"), OF_THREE "taken_ms must be a whole number from 0 to "
                                                "9007199254740992"},
        {ODD_TIME("1.5"), OF_THREE "taken_ms is neither a text nor a whole number"},
        {ODD_TIME("1e300"), OF_THREE "taken_ms has 301 bytes, at most 20 are allowed"},
        {ODD_TIME("null"), OF_THREE "taken_ms must be a whole number from 0 to 9007199254740992"},
        {ODD_SIZE("18446744073709551615.0"),
         OF_THREE "bytes must be a whole number from -1 to 9007199254740992"},
        {ODD_SIZE("-2"), OF_THREE "bytes must be a whole number from -1 to 9007199254740992"},
        {ODD_SIZE("true"), OF_THREE "bytes is neither a text nor a whole number"},
        {ODD_SIZE("\"many\""), OF_THREE "bytes must be a whole number from -1 to 9007199254740992"},
        {ODD("\"name\": \"a b\", \"bytes\": 1, \"taken_ms\": 1"),
         OF_THREE "name may only have letters, digits and ._-"},
        {ODD_MORE("\"created_by\": [1]"),
         OF_THREE "created_by is neither a text nor a whole number"},
        {ODD_MORE("\"created_by\": \"me\""), OF_THREE "created_by is not an id"},
        {ODD_MORE("\"version\": \"1.2.3.4.5\""),
         OF_THREE "version has 9 bytes, at most 7 are allowed"},
        {ODD_MORE("\"labels\": \"all\""), OF_THREE "labels is not a JSON array"},
        {ODD_MORE("\"labels\": {\"a\": \"b\"}"), OF_THREE "labels is not a JSON array"},
        {ODD_MORE("\"labels\": [[[[[1]]]]]"), OF_THREE "a label must have a name and a value"},
        {ODD_MORE("\"other_app\": \"*\""), OF_THREE "other_app is not an id"},
        {ODD_MORE("\"other_app\": \"" WIKI "\""),
         OF_THREE "backup " FOUND_3 " is one of another app"},
    };
    struct job job = claim_catalog();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refuse_between(&job, cases[i].entry, cases[i].why);
}

Test(catalog_report, takes_what_is_only_not_known)
{
    struct job job = claim_catalog();

    cr_expect(eq(
        i64,
        report_catalog(&job,
                       "[" ODD_SIZE("-1") ", "
                                          "{\"backup\": \"" FOUND_2 "\", \"name\": \"copy\", "
                                          "\"taken_ms\": 0, \"bytes\": 9007199254740992, "
                                          "\"snapshot\": \"" SNAPSHOT "\", \"labels\": [], "
                                          "\"created_by\": null, \"other_app\": \"" FOUND_1 "\"}]"),
        2));

    EXPECT_TEXT(backup_field(FOUND_3, "bytes_total"), "-1");
    EXPECT_TEXT(backup_field(FOUND_3, "state"), "completed");
    EXPECT_TEXT(backup_field(FOUND_2, "bytes_total"), "9007199254740992");
    EXPECT_TEXT(backup_field(FOUND_2, "labels"), "[]");
}

/* The repository of one app may have copies of another one's backups. */
Test(catalog_report, leaves_the_backups_of_other_apps_to_them)
{
    struct job wiki = completed(WIKI, "wiki");
    struct job job = claim_catalog();
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "[{\"backup\": \"%s\", \"name\": \"wiki\", \"taken_ms\": 1, \"bytes\": 1, "
                   "\"snapshot\": \"" SNAPSHOT "\"}]",
                   wiki.subject);
    json_auto_t *entries = json_loads(text, 0, NULL);
    struct store_cataloged answer = {.created = -1};

    MUST(store_catalog_report(store, &job, entries, &answer, err));

    cr_expect(eq(i64, answer.created, 0));
    cr_assert(eq(sz, json_array_size(answer.refused), 1));
    cr_expect(strstr(json_string_value(json_array_get(answer.refused, 0)),
                     "is one of another app") != NULL);
    EXPECT_TEXT(backup_field(wiki.subject, "app"), WIKI);
    store_cataloged_done(&answer);
}
