/* What the front end calls: backups, and what they refer to. */
#include "scenario.h"
#include "store/wake.h"

TestSuite(backup_create, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_create_once, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_get, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_list, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_delete, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_cancel, .init = start, .fini = stop, .timeout = 60);
TestSuite(catalog, .init = start, .fini = stop, .timeout = 60);

#define ID1 "11111111-0000-4000-8000-000000000001"
#define ID2 "11111111-0000-4000-8000-000000000002"
#define ID3 "11111111-0000-4000-8000-000000000003"

static enum status create_in(const char *account, const char *app, const char *bucket,
                             const char *snapshot, struct error *err)
{
    struct backup_request request = {.version = "1.2", .name = "by-hand"};
    (void)snprintf(request.bucket, sizeof(request.bucket), "%s", bucket);
    (void)snprintf(request.snapshot, sizeof(request.snapshot), "%s", snapshot);
    const struct store_backup_create wanted = {.id = ID1,
                                               .job = ID2,
                                               .account = account,
                                               .app = app,
                                               .created_by = ACTOR,
                                               .request = &request};
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_call_backup_create(&call, &wanted, err) != STATUS_OK)
        return err->status;
    return run_call(&call, &reply, err);
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
    struct made made;
    id_random(made.id);
    id_random(made.job);
    struct backup_request request = {.version = "1.1"};
    const struct store_backup_create wanted = {.id = made.id,
                                               .job = made.job,
                                               .account = ACCOUNT,
                                               .app = app,
                                               .created_by = ACTOR,
                                               .request = &request};
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    CLEANUP(backup_done) struct backup backup = {0};
    if (store_backup_wanted(&wanted, &backup, err) != STATUS_OK ||
        store_call_backup_create_once(&call, key, fingerprint, &wanted, err) != STATUS_OK ||
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

static enum status get(const char *account, const char *app, const char *id,
                       struct backup *ret_backup, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_get(&call, account, app, id);
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_backup(reply, ret_backup, err);
}

Test(backup_get, finds_it_only_where_it_belongs)
{
    struct made made = make(SHOP, "nightly");
    CLEANUP(backup_done) struct backup backup = {0};

    REFUSED(get(OTHER, SHOP, made.id, &backup, err), STATUS_NOT_FOUND, "unknown_backup");
    REFUSED(get(ACCOUNT, WIKI, made.id, &backup, err), STATUS_NOT_FOUND, "unknown_backup");
    REFUSED(get(ACCOUNT, SHOP, NOBODY, &backup, err), STATUS_NOT_FOUND, "unknown_backup");
    MUST(get(ACCOUNT, NULL, made.id, &backup, err));
    cr_expect(eq(str, backup.id, made.id));
}

static enum status get_record(const char *account, const char *app, const char *id,
                              struct backup *ret_backup, struct error *err)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_record(&call, id);
    if (store_run(store, &call, &reply, err) != STATUS_OK)
        return err->status;
    return store_reply_backup_record(reply, account, app, ret_backup, err);
}

Test(backup_get, reads_a_record_only_where_it_belongs)
{
    struct made made = make(SHOP, "nightly");
    CLEANUP(backup_done) struct backup backup = {0};

    REFUSED(get_record(OTHER, SHOP, made.id, &backup, err), STATUS_NOT_FOUND, "unknown_backup");
    REFUSED(get_record(ACCOUNT, WIKI, made.id, &backup, err), STATUS_NOT_FOUND, "unknown_backup");
    REFUSED(get_record(ACCOUNT, SHOP, NOBODY, &backup, err), STATUS_NOT_FOUND, "unknown_backup");
    MUST(get_record(ACCOUNT, NULL, made.id, &backup, err));
    cr_expect(eq(str, backup.id, made.id));
    cr_expect(eq(str, backup.name, "nightly"));
}

static void expect_wait(const char *id, const char *expected)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    const char *reason = NULL;
    store_call_backup_wait(&call, id);
    MUST(store_run(store, &call, &reply, err));
    MUST(store_reply_text(reply, &reason, err));
    cr_expect(eq(str, (char *)reason, (char *)expected));
}

/* Whichever way it is asked. */
static void expect_unready(const char *id, const char *expected)
{
    CLEANUP(backup_done) struct backup backup = {0};
    MUST(store_backup_get(store, NULL, NULL, id, &backup, err));
    const char *reason = json_string_value(json_array_get(backup.state_unready, 0));
    cr_expect(eq(str, (char *)(reason != NULL ? reason : ""), (char *)expected));
    expect_wait(id, expected);
}

Test(backup_get, asks_for_a_reason_only_while_it_waits)
{
    struct job job = run(SHOP, "first");

    (void)look("ZADD appbackup:nodes 1000 " NODE);

    expect_wait(job.subject, "");
    expect_wait(NOBODY, "");
}

Test(backup_get, says_which_backup_it_waits_for)
{
    struct job first = run(SHOP, "first");
    struct made second = make(SHOP, "second");

    expect_unready(second.id, "waiting for backup first of the same app");
    MUST(finish(&first, STORE_OUTCOME_COMPLETED, "", err));
    expect_unready(second.id, "");
}

Test(backup_get, says_when_the_bucket_or_the_node_has_enough_to_do)
{
    (void)run(SHOP, "first");
    struct made made = make(WIKI, "nightly");
    expect_unready(made.id, "");

    (void)look("HSET appbackup:bucket:" BUCKET " jobs_max 1");
    expect_unready(made.id, "waiting for bucket main: 1 jobs work on it, at most 1 may");
    (void)look("HSET appbackup:node:" NODE " running 2");
    expect_unready(made.id, "waiting for a slot on node " NODE ", which works on 2 jobs");
}

Test(backup_get, says_that_no_worker_is_there)
{
    struct made made = make(SHOP, "nightly");

    (void)look("ZADD appbackup:nodes 1000 " NODE);

    expect_unready(made.id, "waiting for a worker on node " NODE);
}

/* A list that is read in pages of `count`. */
struct reading {
    const char *account;
    const char *app;
    int64_t count;
    struct store_backup_page page; /* .next only */
    bool has_ended;
};

/* Appends to names, joined by blanks. */
static void add_names(const redisReply *backups, char *names, size_t size)
{
    size_t elements = 0;
    MUST(store_reply_count(backups, &elements, err));
    for (size_t i = 0; i < elements; i++) {
        CLEANUP(backup_done) struct backup backup = {0};
        MUST(store_reply_backup(backups->element[i], &backup, err));
        size_t used = strlen(names);
        cr_assert(lt(sz, used + strlen(backup.name) + 2, size));
        (void)snprintf(names + used, size - used, "%s%s", used > 0 ? " " : "", backup.name);
    }
}

/* The names of the next page. */
static const char *read_page(struct reading *reading)
{
    static char names[32 * 1024];
    names[0] = '\0';
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, reading->account, reading->app, reading->page.next,
                           reading->count);
    MUST(store_run(store, &call, &reply, err));
    MUST(store_reply_backup_page(reply, &reading->page, err));
    add_names(reading->page.backups, names, sizeof(names));
    reading->has_ended = *reading->page.next == '\0';
    return names;
}

/* The names of all pages, with '|' between them. */
static const char *list(const char *account, const char *app, int64_t count)
{
    static char pages[512];
    struct reading reading = {.account = account, .app = app, .count = count};
    (void)snprintf(pages, sizeof(pages), "%s", read_page(&reading));
    while (!reading.has_ended) {
        size_t used = strlen(pages);
        (void)snprintf(pages + used, sizeof(pages) - used, "|%s", read_page(&reading));
    }
    return pages;
}

/* Created in different milliseconds, since that is what they are sorted by. */
static struct made make_later(const char *app, const char *name)
{
    struct made made = make(app, name);
    int64_t created_ms = strtoll(backup_field(made.id, "created_ms"), NULL, 10);
    int64_t deadline_ms = 0;
    while (clock_wall_ms() <= created_ms)
        (void)waiting(&deadline_ms);
    return made;
}

Test(backup_list, is_sorted_by_age_and_comes_in_pages)
{
    (void)make_later(SHOP, "a");
    (void)make_later(WIKI, "b");
    struct made c = make_later(SHOP, "c");
    (void)make_later(SHOP, "d");

    EXPECT_TEXT(list(ACCOUNT, SHOP, 10), "a c d");
    EXPECT_TEXT(list(ACCOUNT, SHOP, 2), "a c|d");
    EXPECT_TEXT(list(ACCOUNT, SHOP, 1), "a|c|d|");
    EXPECT_TEXT(list(ACCOUNT, NULL, 10), "a b c d");
    EXPECT_TEXT(list(ACCOUNT, NULL, 3), "a b c|d");
    EXPECT_TEXT(list(NULL, NULL, 3), "a b c|d");
    EXPECT_TEXT(list(OTHER, NULL, 10), "");
    MUST(delete (c.id, err));
    EXPECT_TEXT(list(ACCOUNT, SHOP, 10), "a d");
}

Test(backup_list, has_all_that_live_whatever_is_deleted_between_two_pages)
{
    struct made made[6];
    for (size_t i = 0; i < 6; i++)
        made[i] = make_later(SHOP, (const char[]){(char)('a' + i), '\0'});

    struct reading one = {.account = ACCOUNT, .app = SHOP, .count = 2};
    struct reading any = {.count = 2};
    EXPECT_TEXT(read_page(&one), "a b");
    EXPECT_TEXT(read_page(&any), "a b");
    MUST(delete (made[0].id, err)); /* one that was shown */
    EXPECT_TEXT(read_page(&one), "c d");
    EXPECT_TEXT(read_page(&any), "c d");
    MUST(delete (made[3].id, err)); /* the last one of them */
    MUST(delete (made[4].id, err)); /* and the one behind it */
    EXPECT_TEXT(read_page(&one), "f");
    EXPECT_TEXT(read_page(&any), "f");
    cr_expect(one.has_ended && any.has_ended);
}

Test(backup_list, shows_what_is_created_between_two_pages_only_once)
{
    (void)make_later(SHOP, "a");
    (void)make_later(SHOP, "b");

    struct reading reading = {.account = ACCOUNT, .app = SHOP, .count = 2};
    EXPECT_TEXT(read_page(&reading), "a b");
    (void)make_later(SHOP, "c");
    EXPECT_TEXT(read_page(&reading), "c");
}

/* n0 … of one millisecond, with ids in the order of their names. */
static void make_of_one_millisecond(int count)
{
    (void)look("EVAL %s 0 " ACCOUNT " " SHOP " %d",
               "for i = 0, ARGV[3] - 1 do "
               "  local id = string.format('11111111-0000-4000-8000-%012d', i) "
               "  redis.call('HSET', 'appbackup:backup:' .. id, 'id', id, 'account', ARGV[1], "
               "    'app', ARGV[2], 'name', 'n' .. i, 'state', 'completed') "
               "  redis.call('ZADD', 'appbackup:backups:' .. ARGV[2], 1700000000000, id) "
               "  redis.call('ZADD', 'appbackup:account-backups:' .. ARGV[1], 1700000000000, id) "
               "end",
               count);
}

static void forget(int number)
{
    (void)look("ZREM appbackup:backups:" SHOP " 11111111-0000-4000-8000-%012d", number);
    (void)look("ZREM appbackup:account-backups:" ACCOUNT " 11111111-0000-4000-8000-%012d", number);
}

static const char *expected_names(int first, int end)
{
    static char names[32 * 1024];
    size_t used = 0;
    for (int i = first; i < end; i++)
        used +=
            (size_t)snprintf(names + used, sizeof(names) - used, "%sn%d", i > first ? " " : "", i);
    return names;
}

Test(backup_list, gets_through_thousands_of_the_same_millisecond)
{
    make_of_one_millisecond(5000);

    struct reading one = {.account = ACCOUNT, .app = SHOP, .count = 1000};
    struct reading any = {.count = 1000};
    for (int first = 0; first < 5000; first += 1000) {
        EXPECT_TEXT(read_page(&one), expected_names(first, first + 1000));
        EXPECT_TEXT(read_page(&any), expected_names(first, first + 1000));
        forget(first + 999);
        forget(first);
    }
    EXPECT_TEXT(read_page(&one), "");
    EXPECT_TEXT(read_page(&any), "");
    cr_expect(one.has_ended && any.has_ended);
}

/* The doctor removes such members; until then they hide nothing. */
Test(backup_list, goes_on_behind_members_that_have_no_record)
{
    make_of_one_millisecond(9);
    for (int i = 2; i < 7; i++)
        (void)look("DEL appbackup:backup:11111111-0000-4000-8000-%012d", i);
    (void)look("ZADD appbackup:backups:" SHOP " 1.5 what -inf ever inf :");

    EXPECT_TEXT(list(ACCOUNT, SHOP, 2), "|n0 n1|||n7|n8|");
}

Test(backup_list, refuses_what_is_no_cursor)
{
    static const char *const wrong[] = {"0", "5:", ":" ID1, "x:" ID1, "nan:" ID1, "(5:" ID1};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct store_call call;
        CLEANUP(reply_freep) redisReply *reply = NULL;
        store_call_backup_list(&call, ACCOUNT, SHOP, wrong[i], 1);
        REFUSED(run_call(&call, &reply, err), STATUS_INVALID, "invalid_argument");
    }
}

Test(backup_list, refuses_an_unknown_app_and_a_page_too_large)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, OTHER, SHOP, "", 1);
    REFUSED(run_call(&call, &reply, err), STATUS_NOT_FOUND, "unknown_app");
    CLEANUP(reply_freep) redisReply *second = NULL;
    store_call_backup_list(&call, ACCOUNT, SHOP, "", STORE_LIST_MAX + 1);
    REFUSED(run_call(&call, &second, err), STATUS_INVALID, "invalid_argument");
}

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

Test(catalog, lists_apps_by_name_with_the_state_of_their_node)
{
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_app_list(&call, ACCOUNT);
    MUST(store_run(store, &call, &reply, err));
    size_t count = 0;
    MUST(store_reply_count(reply, &count, err));
    cr_assert(eq(sz, count, 2));
    struct app app = {0};
    MUST(store_reply_app(reply->element[0], &app, err));
    cr_expect(eq(str, app.name, "shop"));
    cr_expect(eq(str, app.node, NODE));
    cr_expect(eq(int, (int)app.state, (int)APP_READY));

    (void)look("ZADD appbackup:nodes 1000 " NODE);
    CLEANUP(reply_freep) redisReply *later = NULL;
    store_call_app_get(&call, ACCOUNT, SHOP);
    MUST(store_run(store, &call, &later, err));
    MUST(store_reply_app(later, &app, err));
    cr_expect(eq(int, (int)app.state, (int)APP_UNAVAILABLE));

    CLEANUP(reply_freep) redisReply *foreign = NULL;
    store_call_app_get(&call, OTHER, SHOP);
    REFUSED(run_call(&call, &foreign, err), STATUS_NOT_FOUND, "unknown_app");
}

Test(catalog, forgets_apps_that_a_node_no_longer_has_but_not_their_backups)
{
    struct made made = make(WIKI, "nightly");
    const char *created = strdup(look("HGET appbackup:app:" SHOP " created_ms"));

    register_apps(NODE, (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    EXPECT_TEXT(look("EXISTS appbackup:app:" WIKI), "0");
    EXPECT_TEXT(look("ZRANGE appbackup:apps:" ACCOUNT " 0 -1"), SHOP);
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " created_ms"), created);
    EXPECT_TEXT(list(ACCOUNT, NULL, 10), "nightly");
    REFUSED(create(ID1, ID2, WIKI, "later", err), STATUS_NOT_FOUND, "unknown_app");
    MUST(delete (made.id, err));
    free((char *)created);
}

Test(catalog, gives_an_app_to_the_last_node_that_has_it_with_its_waiting_jobs)
{
    struct made made = make(SHOP, "nightly");
    MUST(store_node_register(store, "web2", "0.1.0", &(struct store_node_limits){.slots = 1}, err));

    register_apps("web2", (const char *const[]){SHOP}, (const char *const[]){"shop"}, 1);

    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " node"), "web2");
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "0");
    EXPECT_TEXT(look("ZRANGE appbackup:queue:web2 0 -1"), made.job);
    EXPECT_TEXT(backup_field(made.id, "node"), "web2");
    CLEANUP(reply_freep)
    redisReply *journal = redisCommand(redis, "XREVRANGE appbackup:journal + - COUNT 1");
    const redisReply *fields = journal->element[0]->element[1];
    EXPECT_TEXT(fields->element[17]->str,
                "app shop is now registered by node web2, it was by " NODE);
    register_apps(NODE, (const char *const[]){WIKI}, (const char *const[]){"wiki"}, 1);
    EXPECT_TEXT(look("HGET appbackup:app:" SHOP " node"), "web2");
}

Test(catalog, refuses_apps_of_an_unknown_node_and_beats_of_its_heart)
{
    REFUSED(store_apps_register(store, "web9", NULL, err), STATUS_NOT_FOUND, "unknown_node");
    REFUSED(store_node_heartbeat(store, "web9", 0, err), STATUS_NOT_FOUND, "unknown_node");
    struct job job = {0};
    bool found = false;
    const struct store_claim_terms terms = {.lease_ms = LEASE_MS, .kills_max = KILLS_MAX};
    REFUSED(store_job_claim(store, "web9", WORKER, &terms, &job, &found, err), STATUS_NOT_FOUND,
            "unknown_node");
}

Test(catalog, shows_an_account_its_own_buckets_and_those_of_all)
{
    register_bucket(ID1, ACCOUNT, "archive", true);
    register_bucket(ID2, OTHER, "theirs", true);
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_bucket_list(&call, ACCOUNT);

    MUST(store_run(store, &call, &reply, err));

    size_t count = 0;
    MUST(store_reply_count(reply, &count, err));
    cr_assert(eq(sz, count, 2));
    CLEANUP(bucket_done) struct bucket first = {0};
    CLEANUP(bucket_done) struct bucket second = {0};
    MUST(store_reply_bucket(reply->element[0], &first, err));
    MUST(store_reply_bucket(reply->element[1], &second, err));
    cr_expect(eq(str, first.name, "archive"));
    cr_expect(first.is_default);
    cr_expect(eq(str, second.id, BUCKET));
    cr_expect(eq(str, second.account, ""));
    cr_expect(eq(int, (int)second.provider, (int)BUCKET_DIRECTORY));
    cr_expect(eq(int, (int)second.state, (int)BUCKET_AVAILABLE));

    CLEANUP(reply_freep) redisReply *foreign = NULL;
    store_call_bucket_get(&call, ACCOUNT, ID2);
    REFUSED(run_call(&call, &foreign, err), STATUS_NOT_FOUND, "unknown_bucket");
    CLEANUP(reply_freep) redisReply *own = NULL;
    store_call_bucket_get(&call, OTHER, ID2);
    MUST(run_call(&call, &own, err));
}

Test(catalog, has_one_default_bucket_at_a_time)
{
    register_bucket(ID1, "", "second", true);

    EXPECT_TEXT(look("HGET appbackup:bucket:" BUCKET " is_default"), "0");
    EXPECT_TEXT(look("HGET appbackup:default-buckets shared"), ID1);
}

Test(catalog, lists_nodes_and_tells_health)
{
    MUST(
        store_node_register(store, "alpha", "0.2.0", &(struct store_node_limits){.slots = 4}, err));
    MUST(store_node_heartbeat(store, "alpha", 3, err));
    (void)make(SHOP, "nightly");
    (void)look("ZADD appbackup:nodes 1000 " NODE);
    struct store_call call;
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_node_list(&call);
    MUST(store_run(store, &call, &reply, err));
    size_t count = 0;
    MUST(store_reply_count(reply, &count, err));
    cr_assert(eq(sz, count, 2));
    struct node node = {0};
    MUST(store_reply_node(reply->element[0], &node, err));
    cr_expect(eq(str, node.name, "alpha"));
    cr_expect(eq(i64, node.slots, 4));
    cr_expect(eq(i64, node.running, 3));

    CLEANUP(reply_freep) redisReply *raw = NULL;
    store_call_health(&call, NULL);
    MUST(store_run(store, &call, &raw, err));
    struct store_health health = {0};
    MUST(store_reply_health(raw, &health, err));
    cr_expect(health.append_only);
    cr_expect(health.never_evicts);
    cr_expect(health.version[0] >= '7');
    cr_expect(eq(i64, health.workers, 1));
    cr_expect(eq(i64, health.queued, 1));
    cr_expect(eq(i64, health.running, 0));
    cr_expect(eq(i64, health.quarantined, 0));

    (void)look("CONFIG SET appendonly no");
    (void)look("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru");
    CLEANUP(reply_freep) redisReply *unsafe = NULL;
    MUST(store_run(store, &call, &unsafe, err));
    MUST(store_reply_health(unsafe, &health, err));
    cr_expect(not(health.append_only));
    cr_expect(not(health.never_evicts));
}

Test(catalog, tells_how_long_the_oldest_in_a_queue_waits)
{
    MUST(
        store_node_register(store, "alpha", "0.2.0", &(struct store_node_limits){.slots = 4}, err));
    /* A restore is next, whatever its age; the oldest is a delete behind it. */
    (void)look("ZADD appbackup:queue:alpha 20000000009000 " ID1 " 60000000005000 " ID2);
    (void)make(SHOP, "nightly");
    struct store_health all = {0};
    struct store_health alpha = {0};

    MUST(store_health(store, "alpha", &alpha, err));
    MUST(store_health(store, NULL, &all, err)); /* later: no younger */

    cr_expect(eq(i64, all.queued, 3));
    cr_expect(eq(i64, alpha.queued, 2));
    cr_expect(alpha.oldest_ms > clock_wall_ms() - 5000 - 60000);
    cr_expect(alpha.oldest_ms <= clock_wall_ms() - 5000);
    cr_expect(all.oldest_ms >= alpha.oldest_ms);
}

Test(catalog, refuses_a_schema_that_it_does_not_know)
{
    (void)look("SET appbackup:schema 2");

    REFUSED(store_node_register(store, NODE, "0.1.0", &(struct store_node_limits){.slots = 1}, err),
            STATUS_UNSUPPORTED, "schema_mismatch");
}
