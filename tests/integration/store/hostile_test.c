/*
 * What sits where Redis should be, and answers what it likes: too much, without end, or without
 * having been asked. It is a thread of the test; it knows the version of the library, so that a
 * connection becomes ready, and answers all else by the test's word.
 */
#include "scenario.h"
#include "store/async.h"
#include "store/library.h"
#include "tests/support/scratch.h"

#include <event2/event.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ARGUMENT_MAX = 300 * 1024, PATIENT_MS = 5000, AT_ONCE_MS = 2000 };

static struct {
    struct scratch scratch;
    char address[128]; /* "unix:/path" */
    int listener;
    atomic_int connection;
    pthread_t thread;
    _Atomic(const char *) answer; /* to each command; NULL: its last argument */
    atomic_int times;             /* so often */
    atomic_bool trickles;
    atomic_bool leaves; /* in the middle of a command */
    atomic_int connections;
} fake;

static char argument[ARGUMENT_MAX]; /* the last one of a command; the thread's */

/* False: the end. */
static bool read_argument(FILE *in)
{
    char line[64];
    if (fgets(line, sizeof(line), in) == NULL)
        return false;
    size_t len = strtoul(line + 1, NULL, 10);
    cr_assert(lt(sz, len, sizeof(argument)));
    if (fread(argument, 1, len, in) != len || fgets(line, sizeof(line), in) == NULL)
        return false;
    argument[len] = '\0';
    return true;
}

static bool send_text(int fd, const char *text, size_t len)
{
    return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool send_trickle(int fd)
{
    if (!send_text(fd, "$100000\r\n", 9))
        return false;
    while (send_text(fd, "x", 1))
        (void)usleep(20000);
    return false;
}

static bool send_answer(int fd, bool is_version)
{
    char text[256];
    const char *answer = is_version ? NULL : fake.answer;
    const char *echo = is_version ? store_library_version() : argument;
    if (!is_version && fake.trickles)
        return send_trickle(fd);
    if (answer == NULL)
        (void)snprintf(text, sizeof(text), "$%zu\r\n%.128s\r\n", strlen(echo), echo);
    else
        (void)snprintf(text, sizeof(text), "%s", answer);
    char all[1024] = "";
    int times = is_version ? 1 : fake.times;
    for (int i = 0; i < times; i++)
        (void)strcat(all, text);
    return send_text(fd, all, strlen(all));
}

static void serve(int fd)
{
    FILE *in = fdopen(fd, "r");
    cr_assert(ne(ptr, in, NULL));
    char line[64];
    bool goes_on = true;
    while (goes_on && fgets(line, sizeof(line), in) != NULL && !fake.leaves) {
        bool is_version = false;
        for (long i = strtol(line + 1, NULL, 10); goes_on && i > 0; i--) {
            goes_on = read_argument(in);
            is_version = is_version || strcmp(argument, "appbackup_version") == 0;
        }
        goes_on = goes_on && send_answer(fd, is_version);
    }
    (void)fclose(in);
}

static void *run_fake(void *context)
{
    (void)context;
    int fd = -1;
    while ((fd = accept(fake.listener, NULL, NULL)) >= 0) {
        fake.connection = fd;
        fake.connections++;
        serve(fd);
    }
    return NULL;
}

static struct event_base *base;
static struct store_async *async;

static struct {
    int replies;
    int failures;
    struct error err;
    char text[64];
} seen;

static void on_reply(void *context, const redisReply *reply, const struct error *err)
{
    (void)context;
    if (err != NULL) {
        seen.failures++;
        seen.err = *err;
        return;
    }
    seen.replies++;
    (void)snprintf(seen.text, sizeof(seen.text), "%s", reply->str != NULL ? reply->str : "");
}

static void set_up(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as every program here does */
    scratch_open(&fake.scratch);
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    (void)snprintf(place.sun_path, sizeof(place.sun_path), "%s",
                   scratch_path(&fake.scratch, "redis.sock"));
    (void)snprintf(fake.address, sizeof(fake.address), "unix:%s", place.sun_path);
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fake.listener, (const struct sockaddr *)&place, sizeof(place)) == 0);
    cr_assert(listen(fake.listener, 16) == 0);
    fake.times = 1;
    cr_assert(pthread_create(&fake.thread, NULL, run_fake, NULL) == 0);
    base = event_base_new();
    const struct store_options wanted = {.address = fake.address, .timeout_ms = PATIENT_MS};
    MUST(store_async_open(base, &wanted, &async, err));
}

static void tear_down(void)
{
    store_async_close(async);
    event_base_free(base);
    (void)shutdown(fake.listener, SHUT_RDWR);
    (void)shutdown(fake.connection, SHUT_RDWR);
    (void)pthread_join(fake.thread, NULL);
    (void)close(fake.listener);
    scratch_close(&fake.scratch);
}

TestSuite(hostile, .init = set_up, .fini = tear_down, .timeout = 60);

static void send_echo(const char *text)
{
    const struct store_call call = {.argv = {"ECHO", text}, .argc = 2};
    store_async_send(async, &call, on_reply, NULL);
}

static void loop_for(int64_t ms)
{
    const struct timeval tick = {.tv_usec = ms * 1000};
    (void)event_base_loopexit(base, &tick);
    (void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static void loop_until(int answers)
{
    int64_t deadline_ms = clock_mono_ms() + WAIT_MAX_MS;
    while (seen.replies + seen.failures < answers) {
        cr_assert(clock_mono_ms() < deadline_ms, "%d answers", seen.replies + seen.failures);
        loop_for(10);
    }
}

static void expect_recovery(void)
{
    int64_t deadline_ms = clock_mono_ms() + WAIT_MAX_MS;
    fake.answer = NULL;
    fake.times = 1;
    do {
        cr_assert(clock_mono_ms() < deadline_ms, "%s", seen.err.text);
        memset(&seen, 0, sizeof(seen));
        send_echo("recovered");
        loop_until(1);
    } while (seen.replies == 0);
    cr_expect(eq(str, seen.text, "recovered"));
}

static const struct {
    const char *answer;
    const char *why;
} answers[] = {
    {"*2147483647\r\n", "larger than any"},
    {"*1048577\r\n", "larger than any"},
    {"*2\r\n*1048575\r\n", "larger than any"},
    {"$536870912\r\nand so on", "larger than any"},
    {"$134217729\r\n", "larger than any"},
    {"*2\r\n$1\r\na\r\n$134217728\r\n", "larger than any"},
    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "nested"},
    {"*4294967296\r\n:1\r\n", "out of range"},
    {"*-5\r\n", "out of range"},
    {"%1\r\n+a\r\n+b\r\n", "Protocol error"},
};

Test(hostile, answers_are_refused_before_they_take_memory)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        expect_recovery();
        memset(&seen, 0, sizeof(seen));
        fake.answer = answers[i].answer;
        int64_t begin_ms = clock_mono_ms();

        send_echo("x");
        loop_until(1);

        cr_expect(eq(int, seen.failures, 1), "%s", answers[i].answer);
        cr_expect(eq(int, (int)seen.err.status, (int)STATUS_UNAVAILABLE), "%s", answers[i].answer);
        cr_expect(ne(ptr, strstr(seen.err.text, answers[i].why), NULL), "%s: %s", answers[i].answer,
                  seen.err.text);
        cr_expect(lt(i64, clock_mono_ms() - begin_ms, AT_ONCE_MS), "%s", answers[i].answer);
    }
    expect_recovery();
}

Test(hostile, answers_that_nobody_asked_for_end_the_connection)
{
    expect_recovery();
    int before = fake.connections;
    memset(&seen, 0, sizeof(seen));
    fake.times = 2;

    send_echo("asked for");
    loop_until(1);

    cr_expect(eq(str, seen.text, "asked for"));
    int64_t deadline_ms = clock_mono_ms() + WAIT_MAX_MS;
    while (fake.connections == before) {
        cr_assert(clock_mono_ms() < deadline_ms, "the connection is kept");
        loop_for(10);
    }
    expect_recovery();
}

static void on_first(void *context, const redisReply *reply, const struct error *err)
{
    (void)context;
    on_reply(context, reply, err);
    send_echo("second");
}

Test(hostile, answers_that_come_twice_are_not_those_to_the_next_question)
{
    expect_recovery();
    memset(&seen, 0, sizeof(seen));
    fake.times = 2;
    const struct store_call call = {.argv = {"ECHO", "first"}, .argc = 2};

    store_async_send(async, &call, on_first, NULL);
    loop_until(2);

    cr_expect(eq(int, seen.failures, 1), "%s", seen.text);
    cr_expect(ne(ptr, strstr(seen.err.text, "nobody has asked for"), NULL), "%s", seen.err.text);
    expect_recovery();
}

static enum status ask(struct store *asker, const char *text, char *answer, struct error *err)
{
    const struct store_call call = {.argv = {"ECHO", text}, .argc = 2};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (store_run(asker, &call, &reply, err) != STATUS_OK)
        return error_status(err);
    (void)snprintf(answer, 64, "%s", reply->str == NULL ? "" : reply->str);
    return STATUS_OK;
}

/* One connection at a time is what the fake can serve. */
static struct store *open_alone(int64_t timeout_ms)
{
    const struct store_options wanted = {.address = fake.address, .timeout_ms = timeout_ms};
    struct store *alone = NULL;
    store_async_close(async);
    async = NULL;
    MUST(store_open(&wanted, &alone, err));
    return alone;
}

Test(hostile, answers_to_a_blocking_call_are_refused_as_well)
{
    CLEANUP(store_closep) struct store *alone = open_alone(PATIENT_MS);
    char text[64];

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct error refused = {.status = STATUS_OK};
        fake.answer = answers[i].answer;
        int64_t begin_ms = clock_mono_ms();
        cr_expect(eq(int, (int)ask(alone, "x", text, &refused), (int)STATUS_UNAVAILABLE), "%s",
                  answers[i].answer);
        cr_expect(ne(ptr, strstr(refused.text, answers[i].why), NULL), "%s: %s", answers[i].answer,
                  refused.text);
        cr_expect(lt(i64, clock_mono_ms() - begin_ms, AT_ONCE_MS), "%s", answers[i].answer);
        fake.answer = NULL;
        MUST(ask(alone, "again", text, err));
        cr_expect(eq(str, text, "again"));
    }
}

Test(hostile, answers_to_a_blocking_call_are_not_those_to_the_next)
{
    CLEANUP(store_closep) struct store *alone = open_alone(PATIENT_MS);
    char text[64];
    fake.times = 2;

    MUST(ask(alone, "first", text, err));
    cr_expect(eq(str, text, "first"));
    MUST(ask(alone, "second", text, err));
    cr_expect(eq(str, text, "second"));
}

Test(hostile, answers_to_a_blocking_call_that_trickle_end_by_the_deadline)
{
    CLEANUP(store_closep) struct store *alone = open_alone(300);
    char text[64];
    struct error refused = {.status = STATUS_OK};
    MUST(ask(alone, "x", text, err));
    fake.trickles = true;
    int64_t begin_ms = clock_mono_ms();

    cr_expect(eq(int, (int)ask(alone, "x", text, &refused), (int)STATUS_TIMEOUT), "%s",
              refused.text);

    cr_expect(lt(i64, clock_mono_ms() - begin_ms, AT_ONCE_MS));
}

Test(hostile, that_leaves_in_the_middle_of_a_blocking_call_is_told_and_no_more)
{
    CLEANUP(store_closep) struct store *alone = open_alone(PATIENT_MS);
    static char large[ARGUMENT_MAX - 1]; /* more than sockets buffer */
    char text[64];
    memset(large, 'x', sizeof(large) - 1);
    MUST(ask(alone, "x", text, err));
    (void)signal(SIGPIPE, SIG_DFL); /* as in a command of the admin */
    fake.leaves = true;

    REFUSED(ask(alone, large, text, err), STATUS_UNAVAILABLE, "redis_unavailable");
}
