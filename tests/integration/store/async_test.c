/* The asynchronous store in a loop of its own, on a real Redis that goes away and comes back. */
#include "store/async.h"

#include "scenario.h"
#include "store/library.h"

#include <event2/event.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base *base;
static struct store_async *async;

/* What came back: counted, and the last of it kept. */
static struct {
    int replies;
    int failures;
    int order_errors;
    intptr_t last;
    struct error err;
    char text[64];
} seen;

static void on_reply(void *context, const redisReply *reply, const struct error *err)
{
    cr_assert(ne(int, reply == NULL, err == NULL));
    if ((intptr_t)context != seen.last + 1)
        seen.order_errors++;
    seen.last = (intptr_t)context;
    if (err != NULL) {
        seen.failures++;
        seen.err = *err;
        return;
    }
    seen.replies++;
    (void)snprintf(seen.text, sizeof(seen.text), "%s", reply->str != NULL ? reply->str : "");
}

/* A call whose reply is the text. */
static void send_echo(const char *text, intptr_t number)
{
    const struct store_call call = {.argv = {"ECHO", text}, .argc = 2};
    store_async_send(async, &call, on_reply, (void *)number); /* NOLINT: a number as context */
}

static void send_function(intptr_t number)
{
    struct store_call call;
    store_call_app_get(&call, ACCOUNT, SHOP);
    store_async_send(async, &call, on_reply, (void *)number); /* NOLINT: a number as context */
}

/* Creates a backup; one of its own unless the name is taken. */
static void send_create(const char *app, const char *name, intptr_t number,
                        store_reply_fn *callback)
{
    struct made made = new_ids();
    struct wanted wanted;
    want(&wanted, made.id, made.job, app, name);
    CLEANUP(store_call_done) struct store_call call = {0};
    MUST(store_call_backup_create(&call, &wanted.create, err));
    store_async_send(async, &call, callback, (void *)number); /* NOLINT: a number as context */
}

/* Runs the loop until so many answers have come. */
static void loop_until(int answers)
{
    int64_t deadline_ms = clock_mono_ms() + WAIT_MAX_MS;
    while (seen.replies + seen.failures < answers) {
        cr_assert(clock_mono_ms() < deadline_ms, "%d of %d answers", seen.replies + seen.failures,
                  answers);
        const struct timeval tick = {.tv_usec = 20000};
        (void)event_base_loopexit(base, &tick);
        (void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
    }
}

static void open_async(const struct store_options *wanted)
{
    base = event_base_new();
    MUST(store_async_open(base, wanted, &async, err));
}

static void start_async(void)
{
    start();
    struct store_options wanted = options(400);
    open_async(&wanted);
}

static void stop_async(void)
{
    store_async_close(async);
    async = NULL;
    if (base != NULL)
        event_base_free(base);
    stop();
}

/* Calls until one succeeds: how long a loss lasts is not the test's business. */
static void call_until_it_works(void)
{
    int64_t deadline_ms = 0;
    memset(&seen, 0, sizeof(seen));
    while (seen.replies == 0) {
        (void)waiting(&deadline_ms);
        send_function(seen.last + 1);
        loop_until(seen.replies + seen.failures + 1);
    }
}

TestSuite(async, .init = start_async, .fini = stop_async, .timeout = 60);

Test(async, calls_before_the_connection_wait_for_it)
{
    send_echo("hello", 1);
    cr_expect(eq(int, seen.replies + seen.failures, 0)); /* never from inside */

    loop_until(1);

    cr_expect(eq(str, seen.text, "hello"));
}

Test(async, pipelines_a_thousand_calls_in_order)
{
    for (intptr_t i = 1; i <= 1000; i++)
        i % 2 == 0 ? send_function(i) : send_echo("x", i);

    loop_until(1000);

    cr_expect(eq(int, seen.replies, 1000));
    cr_expect(eq(int, seen.order_errors, 0));
    cr_expect(eq(int, atoi(strstr(look("INFO clients"), "connected_clients:") + 18), 3));
}

Test(async, hands_an_error_reply_on_as_a_reply)
{
    struct store_call call;
    store_call_app_get(&call, ACCOUNT, NOBODY);
    store_async_send(async, &call, on_reply, (void *)1);

    loop_until(1);

    cr_expect(eq(int, seen.replies, 1));
    cr_expect(strncmp(seen.text, "UNKNOWN_APP ", 12) == 0, "%s", seen.text);
}

/* What the reply to a create said: the name of the record, or the code of the refusal. */
static char created[300][24];

static void on_created(void *context, const redisReply *reply, const struct error *err)
{
    cr_assert(err == NULL);
    struct backup backup = {0};
    struct error refusal = {0};
    char *text = created[(intptr_t)context];
    if (store_reply_backup_created(reply, &backup, &refusal) == STATUS_OK)
        (void)snprintf(text, sizeof(created[0]), "%.23s", backup.name);
    else
        (void)snprintf(text, sizeof(created[0]), "%.23s", refusal.reason);
    backup_done(&backup);
    seen.replies++;
}

static int64_t calls_of_create(void)
{
    const char *line = strstr(look("INFO commandstats"), "cmdstat_fcall:calls=");
    return line != NULL ? atoll(line + strlen("cmdstat_fcall:calls=")) : 0;
}

Test(async, merges_creates_and_answers_each_for_itself)
{
    call_until_it_works();
    memset(&seen, 0, sizeof(seen));
    int64_t before = calls_of_create();

    for (intptr_t i = 0; i < 300; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "nightly-%d", (int)(i % 100 == 7 ? 7 : i));
        send_create(i % 100 == 50 ? NOBODY : SHOP, name, i, on_created);
    }
    loop_until(300);

    for (int i = 0; i < 300; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "nightly-%d", i);
        const char *wanted = name;
        if (i == 107 || i == 207)
            wanted = "name_taken";
        else if (i % 100 == 50)
            wanted = "unknown_app";
        cr_expect(eq(str, created[i], (char *)wanted));
    }
    EXPECT_TEXT(look("ZCARD appbackup:backups:" SHOP), "295");
    EXPECT_TEXT(look("ZCARD appbackup:account-backups:" ACCOUNT), "295");
    EXPECT_TEXT(look("ZCARD appbackup:state:pending"), "295");
    EXPECT_TEXT(look("ZCARD appbackup:queue:" NODE), "295");
    EXPECT_TEXT(look("HLEN appbackup:names:" SHOP), "295");
    EXPECT_TEXT(look("XLEN appbackup:journal"), "295");
    cr_expect(lt(i64, calls_of_create() - before, 20));
}

Test(async, fails_creates_that_wait_for_one_that_fails)
{
    call_until_it_works();
    memset(&seen, 0, sizeof(seen));
    redis_server_freeze(&server);
    int64_t begin_ms = clock_mono_ms();

    for (intptr_t i = 1; i <= 50; i++)
        send_create(SHOP, "", i, on_reply);
    cr_expect(eq(int, seen.failures, 0)); /* never from inside */
    loop_until(50);

    cr_expect(eq(int, seen.failures, 50));
    cr_expect(eq(int, (int)seen.err.status, (int)STATUS_TIMEOUT));
    cr_expect(lt(i64, clock_mono_ms() - begin_ms, 1500));
    redis_server_thaw(&server);
    memset(&seen, 0, sizeof(seen));
    send_create(SHOP, "afterwards", 1, on_reply);
    loop_until(1);
    cr_expect(eq(int, seen.replies, 1));
}

Test(async, fails_each_call_by_its_deadline_while_redis_stands_still_and_recovers)
{
    call_until_it_works();
    memset(&seen, 0, sizeof(seen));
    redis_server_freeze(&server);
    int64_t begin_ms = clock_mono_ms();

    for (intptr_t i = 1; i <= 50; i++)
        send_echo("x", i);
    loop_until(50);

    int64_t took_ms = clock_mono_ms() - begin_ms;
    cr_expect(eq(int, seen.failures, 50));
    cr_expect(eq(int, (int)seen.err.status, (int)STATUS_TIMEOUT));
    cr_expect(eq(str, seen.err.reason, "redis_unavailable"));
    cr_expect(ge(i64, took_ms, 390));
    cr_expect(lt(i64, took_ms, 1500));

    /* Within the time in which the connection is kept: the late replies are dropped. */
    redis_server_thaw(&server);
    memset(&seen, 0, sizeof(seen));
    send_echo("fresh", 1);
    loop_until(1);
    cr_expect(eq(str, seen.text, "fresh"));
    cr_expect(eq(int, seen.replies, 1));
}

Test(async, gives_up_a_connection_that_stays_silent_and_recovers)
{
    call_until_it_works();
    redis_server_freeze(&server);
    int64_t begin_ms = clock_mono_ms();
    int64_t call_ms = 0;
    while (clock_mono_ms() < begin_ms + 2000) { /* longer than two time-outs */
        memset(&seen, 0, sizeof(seen));
        call_ms = clock_mono_ms();
        send_echo("x", 1);
        loop_until(1);
        cr_assert(eq(int, seen.failures, 1));
        cr_assert(lt(i64, clock_mono_ms() - call_ms, 1200));
        cr_expect(store_async_is_silent(async));
    }

    redis_server_thaw(&server);

    call_until_it_works();
    cr_expect(not(store_async_is_silent(async)));
}

Test(async, fails_at_once_while_redis_is_dead_and_recovers_with_a_new_one)
{
    call_until_it_works();
    redis_server_kill(&server);
    int64_t deadline_ms = 0;
    do {
        memset(&seen, 0, sizeof(seen));
        send_echo("x", 1);
        loop_until(1);
    } while (seen.failures == 0 && waiting(&deadline_ms));
    cr_expect(eq(int, (int)seen.err.status, (int)STATUS_UNAVAILABLE));
    cr_expect(not(store_async_is_silent(async)), "it is away");

    memset(&seen, 0, sizeof(seen));
    int64_t begin_ms = clock_mono_ms();
    for (intptr_t i = 1; i <= 20; i++)
        send_echo("x", i);
    cr_expect(eq(int, seen.failures, 0)); /* never from inside */
    loop_until(20);
    cr_expect(lt(i64, clock_mono_ms() - begin_ms, 390));
    cr_expect(eq(int, seen.failures, 20));

    redis_server_restart(&server);
    call_until_it_works();
}

Test(async, answers_what_is_under_way_when_redis_dies)
{
    call_until_it_works();
    memset(&seen, 0, sizeof(seen));
    redis_server_freeze(&server);
    for (intptr_t i = 1; i <= 20; i++)
        send_echo("x", i);
    const struct timeval tick = {.tv_usec = 20000};
    (void)event_base_loopexit(base, &tick);
    (void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);

    redis_server_kill(&server);
    loop_until(20);

    cr_expect(eq(int, seen.failures, 20));
    cr_expect(eq(int, (int)seen.err.status, (int)STATUS_UNAVAILABLE));
}

Test(async, loads_the_library_again_and_repeats_what_was_refused_for_it)
{
    call_until_it_works();
    (void)look("FUNCTION FLUSH");
    memset(&seen, 0, sizeof(seen));

    for (intptr_t i = 1; i <= 10; i++)
        send_function(i);
    loop_until(10);

    cr_expect(eq(int, seen.replies, 10));
    cr_expect(eq(str, seen.text, ""), "%s", seen.text);
}

Test(async, replaces_a_library_of_another_version)
{
    store_async_close(async);
    (void)look("FUNCTION LOAD REPLACE %s",
               "#!lua name=appbackup\n"
               "redis.register_function{function_name='appbackup_version',"
               "callback=function() return 'older' end,flags={'no-writes'}}");
    struct store_options wanted = options(2000);
    MUST(store_async_open(base, &wanted, &async, err));

    send_function(1);
    loop_until(1);

    cr_expect(eq(int, seen.replies, 1));
    EXPECT_TEXT(look("FCALL_RO appbackup_version 0"), store_library_version());
}

Test(async, refuses_more_calls_than_it_may_keep)
{
    call_until_it_works();
    memset(&seen, 0, sizeof(seen));
    redis_server_freeze(&server);

    for (intptr_t i = 1; i <= STORE_ASYNC_PENDING_MAX + 5; i++)
        send_echo("x", i);
    loop_until(5);

    cr_expect(eq(int, seen.failures, 5));
    cr_expect(strstr(seen.err.text, "too many") != NULL, "%s", seen.err.text);
    redis_server_thaw(&server);
    loop_until(STORE_ASYNC_PENDING_MAX + 5);
}

Test(async, close_answers_every_call)
{
    call_until_it_works();
    memset(&seen, 0, sizeof(seen));
    redis_server_freeze(&server);
    for (intptr_t i = 1; i <= 20; i++)
        send_echo("x", i);

    for (intptr_t i = 21; i <= 40; i++)
        send_create(SHOP, "", i, on_reply);

    store_async_close(async);
    async = NULL;

    cr_expect(eq(int, seen.failures, 40));
    cr_expect(eq(int, (int)seen.err.status, (int)STATUS_UNAVAILABLE));
}

static void send_again(void *context, const redisReply *reply, const struct error *err)
{
    (void)err;
    if (reply != NULL)
        send_echo("from a callback", 1);
    else
        on_reply(context, NULL, err);
}

Test(async, takes_calls_from_inside_a_callback)
{
    const struct store_call call = {.argv = {"ECHO", "x"}, .argc = 2};
    store_async_send(async, &call, send_again, NULL);

    loop_until(1);

    cr_expect(eq(str, seen.text, "from a callback"));
}

Test(async, leaves_a_redis_that_is_not_the_primary_any_more)
{
    send_echo("connected", 1);
    loop_until(1);
    long before = connections_made();
    (void)look("REPLICAOF 127.0.0.1 1");
    send_create(SHOP, "a", 2, on_reply);
    loop_until(2);
    cr_expect(strstr(seen.text, "READONLY") == seen.text, "%s", seen.text);
    (void)look("REPLICAOF NO ONE");

    call_until_it_works();

    cr_expect(lt(long, before, connections_made()));
}

Test(async, is_refused_with_a_wrong_password)
{
    (void)look("CONFIG SET requirepass secret");
    store_async_close(async);
    struct store_options wanted = options(2000);
    MUST(store_async_open(base, &wanted, &async, err));

    send_function(1);
    loop_until(1);

    cr_expect(eq(int, (int)seen.err.status, (int)STATUS_UNAVAILABLE));
    cr_expect(strstr(seen.err.text, "uthentication") != NULL, "%s", seen.err.text);
    cr_expect(not(store_async_is_silent(async)), "it answers");
    (void)look("AUTH secret");
    (void)look("CONFIG SET requirepass ''");
}

/* A port of loopback that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, len) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

Test(async, finds_a_host_by_name)
{
    int port = free_port();
    (void)look("CONFIG SET bind 127.0.0.1");
    (void)look("CONFIG SET port %d", port);
    char address[32];
    (void)snprintf(address, sizeof(address), "localhost:%d", port);
    store_async_close(async);
    const struct store_options wanted = {.address = address, .timeout_ms = 2000};
    MUST(store_async_open(base, &wanted, &async, err));

    call_until_it_works();
}

Test(async, says_when_a_host_has_no_address)
{
    store_async_close(async);
    const struct store_options wanted = {.address = "no.such.host.invalid:6379", .timeout_ms = 300};
    MUST(store_async_open(base, &wanted, &async, err));

    send_echo("x", 1);
    loop_until(1);

    cr_expect(eq(int, seen.failures, 1));
    cr_expect(eq(str, seen.err.reason, "redis_unavailable"));
}
