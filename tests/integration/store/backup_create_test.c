/* Backups that are asked for, once and with a key. */
#include "scenario.h"
#include "store/wake.h"

TestSuite(backup_create, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_create_once, .init = start, .fini = stop, .timeout = 60);

static enum status create_in(const char *account, const char *app, const char *bucket,
                             const char *snapshot, struct error *err)
{
    struct wanted wanted;
    want(&wanted, ID1, ID2, app, "by-hand");
    wanted.create.account = account;
    (void)snprintf(wanted.request.version, sizeof(wanted.request.version), "1.2");
    (void)snprintf(wanted.request.bucket, sizeof(wanted.request.bucket), "%s", bucket);
    (void)snprintf(wanted.request.snapshot, sizeof(wanted.request.snapshot), "%s", snapshot);
    return create_wanted(&wanted, err);
}

/* As the API shows it, what the caller has is what is in Redis. */
static void expect_equal_to_the_stored(const struct backup *backup)
{
    CLEANUP(reply_freep)
    redisReply *reply = redisCommand(redis, "HGETALL appbackup:backup:%s", backup->id);
    CLEANUP(backup_done) struct backup stored = {0};
    json_auto_t *stored_json = NULL;
    json_auto_t *json = NULL;
    MUST(store_reply_backup(reply, &stored, err));
    MUST(backup_to_json(&stored, &stored_json, err));
    MUST(backup_to_json(backup, &json, err));
    cr_expect(json_equal(json, stored_json));
    cr_expect(eq(str, (char *)backup->account, stored.account));
    cr_expect(eq(str, (char *)backup->app, stored.app));
    cr_expect(eq(str, (char *)backup->app_name, stored.app_name));
    cr_expect(eq(str, (char *)backup->node, stored.node));
}

Test(backup_create, makes_a_pending_record_and_answers_what_was_assigned)
{
    struct backup_request request = {.version = "1.0", .name = "first", .bucket = BUCKET};
    request.labels = json_pack("[{s:s,s:s}]", "name", "tier", "value", "\xc3\xbc \"quoted\"");
    const struct store_backup_create wanted = {.id = ID1,
                                               .job = ID2,
                                               .account = ACCOUNT,
                                               .app = SHOP,
                                               .created_by = ACTOR,
                                               .request = &request};
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    CLEANUP(backup_done) struct backup backup = {0};

    MUST(store_backup_wanted(&wanted, &backup, err));
    MUST(store_call_backup_create(&call, &wanted, err));
    MUST(store_run(store, &call, &reply, err));
    MUST(store_reply_backup_created(reply, &backup, err));

    expect_equal_to_the_stored(&backup);
    cr_expect(eq(str, backup.id, ID1));
    cr_expect(eq(str, backup.account, ACCOUNT));
    cr_expect(eq(str, backup.app, SHOP));
    cr_expect(eq(str, backup.app_name, "shop"));
    cr_expect(eq(str, backup.bucket, BUCKET));
    cr_expect(eq(str, backup.node, NODE));
    cr_expect(eq(str, backup.name, "first"));
    cr_expect(eq(str, backup.version, "1.0"));
    cr_expect(eq(str, backup.created_by, ACTOR));
    cr_expect(eq(int, (int)backup.state, (int)BACKUP_PENDING));
    cr_expect(eq(int, (int)json_array_size(backup.state_unready), 0));
    cr_expect(json_equal(backup.labels, request.labels));
    cr_expect(eq(i64, backup.bytes_total, -1));
    cr_expect(eq(i64, backup.bytes_done, -1));
    cr_expect(eq(i64, backup.revision, 1));
    cr_expect(llabs(backup.created_ms - clock_wall_ms()) < 5000);
    EXPECT_TEXT(look("ZSCORE appbackup:queue:" NODE " " ID2),
                look("ZSCORE appbackup:queue:" NODE " " ID2));
    EXPECT_TEXT(job_field(ID2, "state"), "queued");
    json_decref(request.labels);
}

Test(backup_create, gives_a_name_with_the_time_and_the_id)
{
    MUST(create(ID1, ID2, SHOP, "", err));

    const char *name = backup_field(ID1, "name");
    cr_expect(eq(int, (int)strlen(name), (int)strlen("backup-20261123200351-11111111")));
    cr_expect(strncmp(name, "backup-2", 8) == 0 && strcmp(name + 21, "-11111111") == 0, "%s", name);
    cr_expect(name_is_label(name));
    char now[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), now);
    cr_expect(strncmp(name + 7, now, 4) == 0 && strncmp(name + 11, now + 5, 2) == 0, "%s", name);
}

#define ID1_TWIN "11111111-2222-4222-8222-222222222222"

Test(backup_create, gives_another_name_where_two_ids_of_a_second_begin_alike)
{
    CLEANUP(reply_freep)
    redisReply *reply =
        redisCommand(redis,
                     "FCALL appbackup_backup_create 0"
                     " " ID1 " " ID1 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []"
                     " " ID1_TWIN " " ID2 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []",
                     "", "", "", "", "", "");
    cr_assert(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);

    MUST(store_reply_nothing(reply->element[0], err));
    MUST(store_reply_nothing(reply->element[1], err));
    const char *name = backup_field(ID1_TWIN, "name");
    cr_expect(eq(str, (char *)name + strlen("backup-20261123200351-"), ID1_TWIN));
    cr_expect(name_is_label(name));
    EXPECT_TEXT(look("HLEN appbackup:names:" SHOP), "2");
}

Test(backup_create, refuses_a_name_in_use_and_takes_it_again_after_the_delete)
{
    struct made first = make(SHOP, "nightly");

    REFUSED(create(ID1, ID2, SHOP, "nightly", err), STATUS_CONFLICT, "name_taken");
    MUST(create(ID1, ID2, WIKI, "nightly", err)); /* names are an app's own */
    MUST(delete (first.id, err));
    (void)make(SHOP, "nightly");
}

Test(backup_create, refuses_what_it_does_not_know)
{
    REFUSED(create_in(ACCOUNT, NOBODY, "", "", err), STATUS_NOT_FOUND, "unknown_app");
    REFUSED(create_in(OTHER, SHOP, "", "", err), STATUS_NOT_FOUND, "unknown_app");
    REFUSED(create_in(ACCOUNT, SHOP, NOBODY, "", err), STATUS_NOT_FOUND, "unknown_bucket");
    REFUSED(create_in(ACCOUNT, SHOP, "", NOBODY, err), STATUS_NOT_FOUND, "unknown_snapshot");
    EXPECT_TEXT(look("EXISTS appbackup:backup:" ID1), "0");
}

Test(backup_create, refuses_the_bucket_of_another_account)
{
    register_bucket(ID3, OTHER, "theirs", false);

    REFUSED(create_in(ACCOUNT, SHOP, ID3, "", err), STATUS_NOT_FOUND, "unknown_bucket");
}

Test(backup_create, refuses_the_snapshot_of_another_app)
{
    (void)look("HSET appbackup:snapshot:" ID3 " app " WIKI);

    REFUSED(create_in(ACCOUNT, SHOP, "", ID3, err), STATUS_FORBIDDEN, "foreign_snapshot");
    (void)look("HSET appbackup:snapshot:" ID3 " app " SHOP);
    MUST(create_in(ACCOUNT, SHOP, "", ID3, err));
    EXPECT_TEXT(backup_field(ID1, "snapshot"), ID3);
}

Test(backup_create, prefers_the_default_bucket_of_the_account)
{
    register_bucket(ID3, ACCOUNT, "own", true);

    MUST(create_in(ACCOUNT, SHOP, "", "", err));

    EXPECT_TEXT(backup_field(ID1, "bucket"), ID3);
}

Test(backup_create, needs_a_default_bucket_when_none_is_named)
{
    register_bucket(BUCKET, "", "main", false);

    REFUSED(create_in(ACCOUNT, SHOP, "", "", err), STATUS_NOT_FOUND, "no_bucket");
    MUST(create_in(ACCOUNT, SHOP, BUCKET, "", err));
}

Test(backup_create, checks_each_argument)
{
    REFUSED(create("no-id", ID2, SHOP, "a", err), STATUS_INVALID, "invalid_argument");
    REFUSED(create(ID1, "11111111-0000-4000-8000-00000000000G", SHOP, "a", err), STATUS_INVALID,
            "invalid_argument");
    struct store_call call = {.argv = {"FCALL", "appbackup_backup_create", "0"}, .argc = 3};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    REFUSED(run_call(&call, &reply, err), STATUS_INVALID, "invalid_argument");
}

Test(backup_create, is_refused_by_an_app_that_takes_one_at_a_time)
{
    (void)look("HSET appbackup:app:" SHOP " concurrent_backups refuse");
    struct made first = make(SHOP, "a");
    REFUSED(create(ID1, ID2, SHOP, "b", err), STATUS_CONFLICT, "backup_active");
    struct job job = claim();
    cr_expect(eq(str, job.id, first.job));
    (void)make(WIKI, "a"); /* only now: two of one millisecond are claimed in any order */
    MUST(advance(&job, BACKUP_DISCOVERING, err));
    REFUSED(create(ID1, ID2, SHOP, "b", err), STATUS_CONFLICT, "backup_active");
    MUST(advance(&job, BACKUP_RUNNING, err));
    REFUSED(create(ID1, ID2, SHOP, "b", err), STATUS_CONFLICT, "backup_active");
    MUST(finish(&job, STORE_OUTCOME_COMPLETED, "", err));

    /* And of three in one call, none of which takes a name from another that is refused. */
    CLEANUP(reply_freep)
    redisReply *reply =
        redisCommand(redis,
                     "FCALL appbackup_backup_create 0"
                     " " ID1 " " ID2 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []"
                     " " ID3 " " ID3 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []"
                     " " ID3 " " ID3 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []",
                     "b", "", "", "c", "", "", "c", "", "");
    cr_assert(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3);
    MUST(store_reply_nothing(reply->element[0], err));
    REFUSED(store_reply_nothing(reply->element[1], err), STATUS_CONFLICT, "backup_active");
    REFUSED(store_reply_nothing(reply->element[2], err), STATUS_CONFLICT, "backup_active");
}

Test(backup_create, takes_several_at_once_and_refuses_twins_among_them)
{
    CLEANUP(reply_freep)
    redisReply *reply =
        redisCommand(redis,
                     "FCALL appbackup_backup_create 0"
                     " " ID1 " " ID2 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []"
                     " " ID1 " " ID3 " " ACCOUNT " " WIKI " " ACTOR " 1.1 %s %s %s []"
                     " " ID3 " " ID2 " " ACCOUNT " " WIKI " " ACTOR " 1.1 %s %s %s []"
                     " " ID3 " " ID3 " " ACCOUNT " " SHOP " " ACTOR " 1.1 %s %s %s []"
                     " " ID3 " " ID3 " " ACCOUNT " " WIKI " " ACTOR " 1.1 %s %s %s []",
                     "a", "", "", "b", "", "", "c", "", "", "a", "", "", "a", "", "");
    cr_assert(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 5);

    struct backup backup = {0};
    MUST(store_reply_backup_created(reply->element[0], &backup, err));
    cr_expect(eq(str, backup.app_name, "shop"));
    REFUSED(store_reply_nothing(reply->element[1], err), STATUS_CONFLICT, "illegal_transition");
    REFUSED(store_reply_nothing(reply->element[2], err), STATUS_INVALID, "invalid_argument");
    REFUSED(store_reply_nothing(reply->element[3], err), STATUS_CONFLICT, "name_taken");
    MUST(store_reply_backup_created(reply->element[4], &backup, err));
    cr_expect(eq(str, backup.app_name, "wiki"));
    EXPECT_TEXT(look("ZCARD appbackup:account-backups:" ACCOUNT), "2");
}

#define KEY_1    "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY_2    "2222222222222222222222222222222222222222222222222222222222222222"
#define ASKED_1  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ASKED_2  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MEMORY_1 "appbackup:create-key:" SHOP ":" KEY_1

/* A create with a key, under a new id. */
static enum status create_once(const char *app, const char *key, const char *fingerprint,
                               struct backup *ret_backup, bool *ret_repeated, struct error *err)
{
    struct made made = new_ids();
    struct wanted wanted;
    want(&wanted, made.id, made.job, app, "");
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    CLEANUP(backup_done) struct backup backup = {0};
    if (store_backup_wanted(&wanted.create, &backup, err) != STATUS_OK ||
        store_call_backup_create_once(&call, key, fingerprint, &wanted.create, err) != STATUS_OK ||
        store_run(store, &call, &reply, err) != STATUS_OK ||
        store_reply_backup_once(reply, &backup, ret_repeated, err) != STATUS_OK)
        return err->status;
    *ret_backup = backup;
    backup = (struct backup){0};
    return STATUS_OK;
}

Test(backup_create_once, answers_a_repetition_with_the_backup_as_it_is)
{
    struct backup first = {0};
    struct backup again = {0};
    bool repeated = true;
    MUST(create_once(SHOP, KEY_1, ASKED_1, &first, &repeated, err));
    cr_expect(not(repeated));
    struct job job = claim();
    MUST(advance(&job, BACKUP_DISCOVERING, err));

    MUST(create_once(SHOP, KEY_1, ASKED_1, &again, &repeated, err));

    cr_expect(repeated);
    cr_expect(eq(str, again.id, first.id));
    cr_expect(eq(int, (int)again.state, (int)BACKUP_DISCOVERING));
    EXPECT_TEXT(look("ZCARD appbackup:backups:" SHOP), "1");
    EXPECT_TEXT(look("XLEN appbackup:journal"), "2");
    backup_done(&first);
    backup_done(&again);
}

Test(backup_create_once, remembers_a_key_for_a_day_and_per_app)
{
    struct backup shop = {0};
    struct backup wiki = {0};
    bool repeated = true;
    MUST(create_once(SHOP, KEY_1, ASKED_1, &shop, &repeated, err));
    MUST(create_once(WIKI, KEY_1, ASKED_1, &wiki, &repeated, err));
    cr_expect(not(repeated));
    cr_expect(ne(str, shop.id, wiki.id));
    EXPECT_TEXT(look("TTL " MEMORY_1), "86400");
    EXPECT_TEXT(look("HGET " MEMORY_1 " backup"), shop.id);
    backup_done(&shop);
    backup_done(&wiki);
}

Test(backup_create_once, refuses_a_key_of_another_request_or_of_a_backup_that_is_gone)
{
    struct backup backup = {0};
    bool repeated = true;
    MUST(create_once(SHOP, KEY_1, ASKED_1, &backup, &repeated, err));
    REFUSED(create_once(SHOP, KEY_1, ASKED_2, &backup, &repeated, err), STATUS_CONFLICT,
            "key_reused");
    MUST(delete (backup.id, err));
    REFUSED(create_once(SHOP, KEY_1, ASKED_1, &backup, &repeated, err), STATUS_CONFLICT,
            "key_reused");
    EXPECT_TEXT(look("EXISTS appbackup:backups:" SHOP), "0");
    backup_done(&backup);
}

Test(backup_create_once, leaves_no_memory_of_what_was_refused)
{
    struct backup backup = {0};
    bool repeated = true;
    REFUSED(create_once(NOBODY, KEY_1, ASKED_1, &backup, &repeated, err), STATUS_NOT_FOUND,
            "unknown_app");
    REFUSED(create_once(SHOP, "short", ASKED_1, &backup, &repeated, err), STATUS_INVALID,
            "invalid_argument");
    REFUSED(create_once(SHOP, KEY_2, "no digest", &backup, &repeated, err), STATUS_INVALID,
            "invalid_argument");
    EXPECT_TEXT(look("KEYS appbackup:create-key:*"), "");
}

Test(backup_create, wakes_the_node)
{
    struct store_options wanted = options(5000);
    CLEANUP(store_wake_closep) struct store_wake *wake = NULL;
    MUST(store_wake_open(&wanted, NODE, &wake, err));
    bool woken = true;
    MUST(store_wake_drain(wake, &woken, err));
    cr_expect(not(woken));

    (void)make(SHOP, "nightly");

    int64_t deadline_ms = 0;
    while (!woken && waiting(&deadline_ms))
        MUST(store_wake_drain(wake, &woken, err));
}
