/* Nodes, apps and buckets, and how they are. */
#include "scenario.h"

TestSuite(catalog, .init = start, .fini = stop, .timeout = 60);

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
