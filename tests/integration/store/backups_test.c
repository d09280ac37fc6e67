/* Backups as callers see them: one, and pages of them. */
#include "scenario.h"

TestSuite(backup_get, .init = start, .fini = stop, .timeout = 60);
TestSuite(backup_list, .init = start, .fini = stop, .timeout = 60);

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
    EXPECT_TEXT(next_names(&one), "a b");
    EXPECT_TEXT(next_names(&any), "a b");
    MUST(delete (made[0].id, err)); /* one that was shown */
    EXPECT_TEXT(next_names(&one), "c d");
    EXPECT_TEXT(next_names(&any), "c d");
    MUST(delete (made[3].id, err)); /* the last one of them */
    MUST(delete (made[4].id, err)); /* and the one behind it */
    EXPECT_TEXT(next_names(&one), "f");
    EXPECT_TEXT(next_names(&any), "f");
    cr_expect(one.has_ended && any.has_ended);
}

Test(backup_list, shows_what_is_created_between_two_pages_only_once)
{
    (void)make_later(SHOP, "a");
    (void)make_later(SHOP, "b");

    struct reading reading = {.account = ACCOUNT, .app = SHOP, .count = 2};
    EXPECT_TEXT(next_names(&reading), "a b");
    (void)make_later(SHOP, "c");
    EXPECT_TEXT(next_names(&reading), "c");
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
        EXPECT_TEXT(next_names(&one), expected_names(first, first + 1000));
        EXPECT_TEXT(next_names(&any), expected_names(first, first + 1000));
        forget(first + 999);
        forget(first);
    }
    EXPECT_TEXT(next_names(&one), "");
    EXPECT_TEXT(next_names(&any), "");
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
