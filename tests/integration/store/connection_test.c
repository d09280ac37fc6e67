/* The blocking connection: what it survives, and the library it loads. */
#include "core/secret.h"
#include "scenario.h"
#include "store/library.h"
#include "store/wake.h"

#include <poll.h>
#include <sys/stat.h>

TestSuite(connection, .init = start, .fini = stop, .timeout = 60);
TestSuite(wake, .init = start, .fini = stop, .timeout = 60);

static enum status heartbeat(struct error *err)
{
    return store_node_heartbeat(store, NODE, 0, err);
}

Test(connection, is_made_by_the_first_call)
{
    const struct store_options wanted = {.address = "unix:/nowhere/at/all", .timeout_ms = 1000};
    CLEANUP(store_closep) struct store *lazy = NULL;

    MUST(store_open(&wanted, &lazy, err));

    REFUSED(store_sweep(lazy, 3, err), STATUS_UNAVAILABLE, "redis_unavailable");
}

Test(connection, comes_back_without_a_failed_call_after_a_restart)
{
    MUST(heartbeat(err));
    redis_server_kill(&server);
    REFUSED(heartbeat(err), STATUS_UNAVAILABLE, "redis_unavailable");
    redis_server_restart(&server);

    MUST(heartbeat(err));

    redis_server_kill(&server);
    redis_server_restart(&server);
    MUST(heartbeat(err)); /* it noticed that the peer had gone before it sent anything */
}

Test(connection, gives_up_at_its_deadline_and_recovers)
{
    struct store_options wanted = options(200);
    CLEANUP(store_closep) struct store *quick = NULL;
    MUST(store_open(&wanted, &quick, err));
    MUST(store_sweep(quick, 3, err));
    redis_server_freeze(&server);
    int64_t begin_ms = clock_mono_ms();

    REFUSED(store_sweep(quick, 3, err), STATUS_TIMEOUT, "redis_unavailable");
    cr_expect(ge(i64, clock_mono_ms() - begin_ms, 190));
    cr_expect(lt(i64, clock_mono_ms() - begin_ms, 2000));
    REFUSED(store_sweep(quick, 3, err), STATUS_TIMEOUT, "redis_unavailable"); /* a new connection */

    redis_server_thaw(&server);
    MUST(store_sweep(quick, 3, err));
}

Test(connection, loads_the_library_again_after_it_was_flushed)
{
    (void)look("FUNCTION FLUSH");

    MUST(heartbeat(err));
}

Test(connection, replaces_a_library_of_another_version)
{
    (void)look("FUNCTION LOAD REPLACE %s",
               "#!lua name=appbackup\n"
               "redis.register_function{function_name='appbackup_version',"
               "callback=function() return 'older' end,flags={'no-writes'}}");
    struct store_options wanted = options(5000);
    CLEANUP(store_closep) struct store *newer = NULL;
    MUST(store_open(&wanted, &newer, err));

    MUST(store_sweep(newer, 3, err));

    EXPECT_TEXT(look("FCALL_RO appbackup_version 0"), store_library_version());
    cr_expect(eq(sz, strlen(store_library_version()), 9));
    cr_expect(strchr(store_library_version(), '@') == NULL);
}

Test(connection, reports_what_else_redis_says)
{
    struct store_call call = {.argv = {"NOSUCH"}, .argc = 1};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    REFUSED(run_call(&call, &reply, err), STATUS_INTERNAL, "redis_error");
    (void)look("CONFIG SET maxmemory 1");
    REFUSED(heartbeat(err), STATUS_UNAVAILABLE, "redis_unsafe");
}

Test(connection, authenticates_and_chooses_its_database)
{
    (void)look("ACL SETUSER worker on >secret ~* &* +@all");
    (void)look("CONFIG SET requirepass other");
    struct secret *password = NULL;
    MUST(secret_new("secret", &password, err));
    struct store_options wanted = options(5000);
    wanted.database = 3;
    CLEANUP(store_closep) struct store *refused = NULL;
    MUST(store_open(&wanted, &refused, err));
    REFUSED(store_node_register(refused, "web3", "1", &(struct store_node_limits){.slots = 1}, err),
            STATUS_UNAVAILABLE, "redis_unsafe");

    wanted.username = "worker";
    wanted.password = password;
    CLEANUP(store_closep) struct store *third = NULL;
    MUST(store_open(&wanted, &third, err));
    MUST(store_node_register(third, "web3", "1", &(struct store_node_limits){.slots = 1}, err));

    EXPECT_TEXT(look("EXISTS appbackup:node:web3"), "0");
    (void)look("SELECT 3");
    EXPECT_TEXT(look("EXISTS appbackup:node:web3"), "1");
    secret_free(password);
}

/* As after a failover: what the address leads to by now is for the next connection to find out. */
Test(connection, leaves_a_redis_that_is_not_the_primary_any_more)
{
    MUST(store_node_register(store, "web3", "1", &(struct store_node_limits){.slots = 1}, err));
    long before = connections_made();
    (void)look("REPLICAOF 127.0.0.1 1");
    REFUSED(store_node_register(store, "web3", "1", &(struct store_node_limits){.slots = 1}, err),
            STATUS_UNAVAILABLE, "redis_unsafe");
    (void)look("REPLICAOF NO ONE");

    MUST(store_node_register(store, "web3", "1", &(struct store_node_limits){.slots = 1}, err));

    cr_expect(lt(long, before, connections_made()));
}

static bool is_readable(const struct store_wake *wake)
{
    struct pollfd fd = {.fd = store_wake_fd(wake), .events = POLLIN};
    return poll(&fd, 1, WAIT_MAX_MS) == 1;
}

Test(wake, tells_when_a_job_has_come_and_when_the_connection_has_gone)
{
    struct store_options wanted = options(5000);
    CLEANUP(store_wake_closep) struct store_wake *wake = NULL;
    MUST(store_wake_open(&wanted, NODE, &wake, err));

    (void)make(SHOP, "nightly");
    (void)make(WIKI, "nightly");
    cr_assert(is_readable(wake));
    bool woken = false;
    MUST(store_wake_drain(wake, &woken, err));
    cr_expect(woken);

    redis_server_kill(&server);
    cr_assert(is_readable(wake));
    int64_t deadline_ms = 0;
    struct error err = {0};
    while (store_wake_drain(wake, &woken, &err) == STATUS_OK)
        (void)waiting(&deadline_ms);
    cr_expect(eq(int, (int)err.status, (int)STATUS_UNAVAILABLE));
}

Test(wake, hears_only_its_own_node)
{
    struct store_options wanted = options(5000);
    CLEANUP(store_wake_closep) struct store_wake *wake = NULL;
    CLEANUP(store_wake_closep) struct store_wake *own = NULL;
    MUST(store_wake_open(&wanted, "elsewhere", &wake, err));
    MUST(store_wake_open(&wanted, NODE, &own, err));

    (void)make(SHOP, "nightly");

    cr_assert(is_readable(own)); /* so it has been published */
    bool woken = true;
    MUST(store_wake_drain(wake, &woken, err));
    cr_expect(not(woken));
}

Test(wake, comes_when_an_app_is_free_again)
{
    struct job first = run(SHOP, "first");
    (void)make(SHOP, "second");
    struct store_options wanted = options(5000);
    CLEANUP(store_wake_closep) struct store_wake *wake = NULL;
    MUST(store_wake_open(&wanted, NODE, &wake, err));

    MUST(finish(&first, STORE_OUTCOME_COMPLETED, "", err));

    cr_expect(is_readable(wake));
}
