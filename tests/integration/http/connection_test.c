/* Connections: how many, how long, and how they end. */
#include "fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>

static int descriptors;

static void count_before(void)
{
    world.base = event_base_new(); /* what libevent opens once and keeps */
    event_base_free(world.base);
    descriptors = open_descriptors();
}

static void stop_and_count(void)
{
    server_stop();
    cr_assert(eq(int, open_descriptors(), descriptors));
}

TestSuite(connection, .init = count_before, .fini = stop_and_count, .timeout = 60);

static struct http_limits quick_limits(int64_t idle_ms, int64_t request_ms)
{
    struct http_limits limits = usual_limits;
    limits.idle_timeout_ms = idle_ms;
    limits.request_timeout_ms = request_ms;
    return limits;
}

Test(connection, over_the_limit_takes_the_place_of_the_one_that_is_idle_for_longest)
{
    struct http_limits limits = usual_limits;
    limits.connections_max = 2;
    server_start_plain(limits);
    struct client first = client_connect(), second = client_connect();
    cr_assert(eq(int, ask(&first, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    cr_assert(eq(int, ask(&second, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    struct client third = client_connect();
    cr_assert(eq(int, ask(&third, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    WAIT_FOR(has_ended(&first));
    cr_assert(eq(sz, first.len, 0));
    cr_assert(eq(int, ask(&second, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    client_close(&first);
    client_close(&second);
    client_close(&third);
}

static struct client connect_in_turn(void)
{
    struct client client = client_connect();
    turn();
    turn();
    return client;
}

static const char with_token[] = "GET /guarded HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\n\r\n";

Test(connection, gives_way_by_what_is_known_of_it_and_by_its_age)
{
    struct http_limits limits = usual_limits;
    limits.connections_max = 4;
    server_start_plain(limits);
    struct client trusted = connect_in_turn(), silent = connect_in_turn();
    struct client idle = connect_in_turn(), slow = connect_in_turn();
    cr_assert(eq(int, ask(&trusted, with_token).code, 200));
    client_send(&slow, "GET /hel");
    cr_assert(eq(int, ask(&idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    struct client newer[4];
    struct client *in_order[] = {&idle, &silent, &slow, &newer[0]};
    for (int i = 0; i < 4; i++) {
        newer[i] = connect_in_turn();
        WAIT_FOR(has_ended(in_order[i]));
    }

    cr_assert(eq(int, ask(&trusted, with_token).code, 200));
    for (int i = 0; i < 4; i++) {
        client_close(in_order[i]);
        if (i > 0)
            client_close(&newer[i]);
    }
    client_close(&trusted);
}

Test(connection, that_is_served_does_not_give_way_and_the_last_places_are_kept)
{
    struct http_limits limits = usual_limits;
    limits.connections_max = 32; /* two of them are kept */
    server_start_plain(limits);
    struct client busy[31];
    for (int i = 0; i < 30; i++) {
        busy[i] = connect_in_turn();
        client_send(&busy[i], "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    WAIT_FOR(world.late_count == 30);

    struct client stranger = connect_in_turn();
    struct reply reply = ask(&stranger, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(eq(int, reply.code, 200));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n")); /* it may not stay */
    client_close(&stranger);
    turn();
    turn();
    busy[30] = connect_in_turn();
    cr_assert(eq(int, ask(&busy[30], with_token).code, 200));
    client_send(&busy[30], "GET /guarded/late HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\n\r\n");
    WAIT_FOR(world.late_count == 31);

    struct client guest = connect_in_turn();
    cr_assert(eq(int, ask(&guest, with_token).code, 503));
    client_close(&guest);
    turn();
    turn();
    struct client probe = connect_in_turn();
    cr_assert(eq(int, ask(&probe, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    client_close(&probe);
    for (int i = 0; i < 31; i++) {
        reply_text(world.late[i], HTTP_CODE_OK, "late", 4);
        client_close(&busy[i]);
    }
}

/* ---- memory ---- */

static size_t count_answered(struct client *clients, size_t count, int code)
{
    size_t answered = 0;
    for (size_t i = 0; i < count; i++)
        if (has_reply(&clients[i], false) && take_reply(&clients[i], false).code == code)
            answered++;
    return answered;
}

Test(connection, has_room_for_its_body_or_is_told_that_it_has_not)
{
    enum { CLIENTS = 10, ROOM = 4 };
    struct http_limits limits = usual_limits;
    limits.body_bytes_max = 100000;
    limits.bodies_bytes_max = ROOM * 100000 + 50000;
    server_start_plain(limits);
    struct client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_in_turn();
        client_send(&clients[i],
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx");
    }

    cr_assert(eq(sz, count_answered(clients, CLIENTS, 503), CLIENTS - ROOM));

    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
    for (int i = 0; i < 5; i++)
        turn();
    struct client next = connect_in_turn();
    client_send(&next, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    static char body[100000];
    cr_assert(client_send_bytes(&next, body, sizeof(body)));
    cr_assert(eq(int, take_reply(&next, false).code, 200));
    client_close(&next);
}

Test(connection, has_room_for_its_chunks_or_is_told_that_it_has_not)
{
    struct http_limits limits = usual_limits;
    limits.body_bytes_max = 400000;
    limits.bodies_bytes_max = 400000;
    server_start_plain(limits);
    struct client first = connect_in_turn(), second = connect_in_turn();
    static char chunk[300010];
    size_t len = (size_t)sprintf(chunk, "493e0\r\n"); /* 300,000 bytes */
    memset(chunk + len, 'x', 300000);
    client_send(&first, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\nx");
    client_send(&second, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");

    (void)client_send_bytes(&second, chunk, len + 300000);

    cr_assert(eq(int, take_reply(&second, false).code, 503));
    client_close(&first);
    client_close(&second);
}

Test(connection, whose_heads_are_many_and_long_is_told_so)
{
    enum { CLIENTS = 10 };
    struct http_limits limits = usual_limits;
    limits.body_bytes_max = 1024;
    limits.bodies_bytes_max = 200000;
    server_start_plain(limits);
    struct client clients[CLIENTS];
    static char head[20000];
    memset(head, 'x', sizeof(head) - 1);
    memcpy(head, "GET /", 5);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_in_turn();
        client_send(&clients[i], head);
    }

    size_t refused = count_answered(clients, CLIENTS, 503);

    cr_assert(ge(sz, refused, CLIENTS / 2), "%zu", refused);
    cr_assert(lt(sz, refused, CLIENTS), "%zu", refused);
    for (int i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
}

static bool gets_large(void)
{
    struct client client = client_connect();
    client_send(&client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_FOR(has_text(&client, "HTTP/1.1 "));
    bool has = has_text(&client, "HTTP/1.1 200 OK");
    client_close(&client);
    return has;
}

Test(connection, that_takes_nothing_gives_way_to_the_reply_of_another)
{
    struct http_limits limits = usual_limits;
    limits.replies_bytes_max = 100 * 1024 * 1024; /* /large has 64 MiB */
    server_start_plain(limits);
    struct client stalled = client_connect();
    client_send(&stalled, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_FOR(has_text(&stalled, "HTTP/1.1 200 OK"));

    cr_assert(not(gets_large()));
    WAIT_FOR(gets_large());

    struct pollfd gone = {.fd = stalled.fd, .events = 0};
    WAIT_FOR(poll(&gone, 1, 0) == 1 && (gone.revents & (POLLHUP | POLLERR)) != 0);
    client_close(&stalled);
}

Test(connection, that_says_nothing_is_cut_after_the_idle_time)
{
    server_start_plain(quick_limits(200, 30000));
    struct client client = client_connect();
    int64_t start_ms = clock_mono_ms();

    WAIT_FOR(has_ended(&client));

    int64_t took_ms = clock_mono_ms() - start_ms;
    cr_assert(took_ms >= 190 && took_ms < 2000, "%d ms", (int)took_ms);
    client_close(&client);
}

Test(connection, is_cut_when_it_is_idle_after_a_request)
{
    server_start_plain(quick_limits(200, 30000));
    struct client client = client_connect();
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    WAIT_FOR(has_ended(&client));

    client_close(&client);
}

Test(connection, that_sends_only_line_breaks_is_idle)
{
    server_start_plain(quick_limits(300, 30000));
    struct client client = client_connect();
    int64_t start_ms = clock_mono_ms();

    while (!has_ended(&client) && client_send_bytes(&client, "\r\n", 2)) {
        cr_assert(clock_mono_ms() - start_ms < PATIENCE_MS);
        (void)poll(NULL, 0, 5);
    }

    cr_assert(eq(int, world.refused, 0));
    client_close(&client);
}

/* No byte starts the time-out anew. */
static void trickle(const char *head)
{
    server_start_plain(quick_limits(30000, 400));
    struct client client = client_connect();
    client_send(&client, head);
    int64_t start_ms = clock_mono_ms();

    while (!has_reply(&client, false) && client_send_bytes(&client, "a", 1)) {
        cr_assert(clock_mono_ms() - start_ms < PATIENCE_MS, "it is still served");
        (void)poll(NULL, 0, 5);
    }

    int64_t took_ms = clock_mono_ms() - start_ms;
    cr_assert(took_ms >= 390, "%d ms", (int)took_ms);
    cr_assert(eq(int, world.handled, 0));
    struct reply reply = take_reply(&client, false);
    cr_assert(eq(int, reply.code, 408));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    client_close(&client);
}

Test(connection, that_trickles_its_first_line_is_cut)
{
    trickle("GET /");
}

Test(connection, that_trickles_its_headers_is_cut)
{
    trickle("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: ");
}

Test(connection, that_trickles_its_body_is_cut)
{
    trickle("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
}

Test(connection, that_does_not_take_its_reply_is_cut)
{
    server_start_plain(quick_limits(30000, 400));
    struct client client = client_connect();
    int64_t start_ms = clock_mono_ms();
    client_send(&client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");

    struct pollfd gone = {.fd = client.fd, .events = 0};
    WAIT_FOR(poll(&gone, 1, 0) == 1 && (gone.revents & (POLLHUP | POLLERR)) != 0);

    cr_assert(clock_mono_ms() - start_ms >= 390);
    client_close(&client);
}

static int take_plain(void *context, char *bytes, int max)
{
    struct client *client = context;
    ssize_t got = recv(client->fd, bytes, (size_t)max, 0);
    return got < 0 && errno == EAGAIN ? -1 : got < 0 ? 0 : (int)got;
}

/* How much of /medium arrives at this pace. */
static size_t take_medium(int64_t bytes_per_s)
{
    server_start(quick_limits(30000, 500));
    server_listen_small(NULL, NULL);
    struct client client = client_connect_small();
    client_send(&client, "GET /medium HTTP/1.1\r\nHost: x\r\n\r\n");
    size_t taken = take_steadily(take_plain, &client, bytes_per_s, MEDIUM_BYTES);
    client_close(&client);
    return taken;
}

Test(connection, that_takes_its_reply_steadily_has_all_the_time_it_needs)
{
    cr_assert(eq(sz, take_medium(6 * HTTP_REPLY_BYTES_PER_S_MIN), MEDIUM_BYTES));
}

Test(connection, that_takes_its_reply_too_slowly_is_cut)
{
    cr_assert(lt(sz, take_medium(HTTP_REPLY_BYTES_PER_S_MIN / 2), MEDIUM_BYTES / 2));
}

Test(connection, lives_on_while_its_request_is_handled)
{
    server_start_plain(quick_limits(100, 100));
    struct client client = client_connect();
    client_send(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_FOR(world.late_count == 1);
    int64_t start_ms = clock_mono_ms();
    WAIT_FOR(clock_mono_ms() - start_ms > 400);

    reply_text(world.late[0], HTTP_CODE_OK, "late", 4);

    cr_assert(eq(str, take_reply(&client, false).body, "late"));
    cr_assert(eq(int, world.released, 1));
    client_close(&client);
}

Test(connection, that_is_gone_when_the_late_reply_comes_is_no_error)
{
    server_start_plain(usual_limits);
    struct client clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect();
        client_send(&clients[i], "GET /late?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
        WAIT_FOR(world.late_count == (size_t)i + 1);
        if (i == 0) { /* with a reset */
            struct linger hard = {.l_onoff = 1};
            cr_assert(setsockopt(clients[i].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) == 0);
        }
    }
    client_close(&clients[0]);
    client_close(&clients[1]);
    for (int i = 0; i < 5; i++)
        turn();

    for (int i = 0; i < 3; i++) {
        cr_assert(eq(str, (char *)http_request_path(world.late[i]), "/late"));
        reply_text(world.late[i], HTTP_CODE_OK, "late", 4);
    }

    cr_assert(eq(str, take_reply(&clients[2], false).body, "late"));
    cr_assert(eq(int, world.released, 3));
    client_close(&clients[2]);
}

Test(connection, answers_what_is_pipelined_behind_a_late_reply)
{
    server_start_plain(usual_limits);
    struct client client = client_connect();
    client_send(&client,
                "GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    WAIT_FOR(world.late_count == 1);
    cr_assert(eq(int, world.handled, 0));

    reply_text(world.late[0], HTTP_CODE_OK, "late", 4);

    cr_assert(eq(str, take_reply(&client, false).body, "late"));
    cr_assert(eq(str, take_reply(&client, false).body, "hello\n"));
    client_close(&client);
}

Test(connection, may_go_with_its_server_while_a_request_waits)
{
    server_start_plain(usual_limits);
    struct client client = client_connect();
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    struct client late = client_connect();
    client_send(&late,
                "GET /late?x=y HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody");
    WAIT_FOR(world.late_count == 1);

    http_server_free(world.server);
    world.server = NULL;
    turn();

    struct http_request *request = world.late[0];
    size_t len = 0;
    cr_assert(strncmp(http_request_body(request, &len), "body", 4) == 0);
    cr_assert(eq(str, (char *)http_request_header(request, "x-a"), "b"));
    cr_assert(strncmp(http_request_peer(request), "127.0.0.1:", 10) == 0);
    reply_text(request, HTTP_CODE_OK, "late", 4);
    cr_assert(eq(int, world.released, 2)); /* and what the admission of the other had left */
    WAIT_FOR(has_ended(&late));
    cr_assert(eq(sz, late.len, 0));
    client_close(&client);
    client_close(&late);
}

Test(connection, that_closes_its_sending_side_after_a_refusal_is_released_at_once)
{
    struct http_limits limits = usual_limits;
    limits.connections_max = 1;
    server_start_plain(limits);
    struct client client = client_connect();
    cr_assert(eq(int, ask(&client, "nonsense nonsense\r\n\r\n").code, 400));
    client_close(&client);
    for (int i = 0; i < 5; i++)
        turn();

    struct client next = client_connect();
    cr_assert(eq(int, ask(&next, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    client_close(&next);
}

/* ---- drain ---- */

static void note_drained(void *context)
{
    struct world *seen = context;
    cr_assert(not(seen->drained));
    seen->drained = true;
}

Test(connection, is_drained_after_its_request)
{
    server_start_plain(usual_limits);
    struct client idle = client_connect(), late = client_connect(), half = client_connect();
    cr_assert(eq(int, ask(&idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    client_send(&late, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send(&half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
    WAIT_FOR(world.late_count == 1);
    uint16_t port = http_server_port(world.server, 0);

    http_server_drain(world.server, note_drained, &world);
    WAIT_FOR(has_ended(&idle));

    cr_assert(not(world.drained));
    cr_assert(ne(u16, port, 0));
    cr_assert(eq(u16, http_server_port(world.server, 0), 0)); /* it does not listen any more */
    client_send(&half, "dy");
    struct reply reply = take_reply(&half, false);
    cr_assert(eq(str, reply.body, "body"));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    WAIT_FOR(has_ended(&half));
    client_close(&half);
    reply_text(world.late[0], HTTP_CODE_OK, "late", 4);
    cr_assert(eq(str, take_reply(&late, false).body, "late"));
    WAIT_FOR(has_ended(&late));
    client_close(&late);
    WAIT_FOR(world.drained);
    client_close(&idle);
}

Test(connection, that_was_kept_is_served_once_more_in_a_drain)
{
    server_start_plain(usual_limits);
    struct client kept = client_connect();
    cr_assert(eq(int, ask(&kept, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    http_server_drain(world.server, note_drained, &world);
    struct reply reply = ask(&kept, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    WAIT_FOR(has_ended(&kept));
    client_close(&kept);
    WAIT_FOR(world.drained);
}

Test(connection, in_the_queue_of_the_listener_is_served_before_the_end)
{
    server_start_plain(usual_limits);
    struct client waiting = client_connect();
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    cr_assert(send(waiting.fd, request, sizeof(request) - 1, 0) == (ssize_t)sizeof(request) - 1);

    http_server_drain(world.server, note_drained, &world);

    struct reply reply = take_reply(&waiting, false);
    cr_assert(eq(int, reply.code, 200));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    WAIT_FOR(has_ended(&waiting));
    client_close(&waiting);
    WAIT_FOR(world.drained);
}

Test(connection, that_never_asked_does_not_hold_up_the_drain)
{
    server_start_plain(usual_limits);
    struct client silent = client_connect();
    turn();
    int64_t start_ms = clock_mono_ms();

    http_server_drain(world.server, note_drained, &world);

    WAIT_FOR(world.drained);
    cr_assert(clock_mono_ms() - start_ms < 5000);
    client_close(&silent);
}

static void free_when_drained(void *context)
{
    note_drained(context);
    http_server_free(world.server);
    world.server = NULL;
}

Test(connection, may_be_the_last_of_a_server_that_is_freed_when_drained)
{
    server_start_plain(usual_limits);
    struct client client = client_connect();
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));

    http_server_drain(world.server, free_when_drained, &world);

    WAIT_FOR(world.drained);
    WAIT_FOR(has_ended(&client));
    client_close(&client);
}

Test(connection, is_not_needed_for_a_drain)
{
    server_start_plain(usual_limits);

    http_server_drain(world.server, note_drained, &world);

    WAIT_FOR(world.drained);
}

/* ---- listeners ---- */

static struct client connect_local(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return client_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
                     (const struct sockaddr *)&address, sizeof(address));
}

Test(connection, by_a_unix_socket_is_served)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char address[128], path[96];
    (void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "api.sock"));
    (void)snprintf(address, sizeof(address), "unix:%s", path);
    server_start(usual_limits);
    server_listen(address, NULL, NULL);

    struct stat info;
    cr_assert(stat(path, &info) == 0);
    struct client client = connect_local(path);
    struct reply reply = ask(&client, "GET /note HTTP/1.1\r\nHost: x\r\n\r\n");

    cr_assert(eq(int, reply.code, 204));
    cr_assert(strncmp(world.seen, "unix - ", 7) == 0, "%s", world.seen);
    cr_assert(eq(uint, info.st_mode & 07777, 0660));
    cr_assert(eq(u16, http_server_port(world.server, 0), 0));
    client_close(&client);
    http_server_free(world.server);
    world.server = NULL;
    cr_assert(access(path, F_OK) != 0, "the socket file is left");
    scratch_close(&scratch);
}

Test(connection, by_a_unix_socket_replaces_a_stale_one_but_no_other)
{
    struct scratch scratch;
    struct error err = {0};
    scratch_open(&scratch);
    char address[128], file_address[128];
    (void)snprintf(address, sizeof(address), "unix:%s", scratch_path(&scratch, "api.sock"));
    (void)snprintf(file_address, sizeof(file_address), "unix:%s", scratch_path(&scratch, "file"));
    scratch_write(&scratch, "file", "precious", 0600);
    struct sockaddr_un dead = {.sun_family = AF_UNIX};
    memcpy(dead.sun_path, address + 5, strlen(address + 5) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fd, (const struct sockaddr *)&dead, sizeof(dead)) == 0);
    (void)close(fd);
    server_start(usual_limits);

    server_listen(address, NULL, NULL);
    struct http_listener again = {.address = address};
    struct http_listener file = {.address = file_address};

    cr_assert(eq(int, (int)http_server_listen(world.server, &again, &err), (int)STATUS_CONFLICT));
    cr_assert(eq(int, (int)http_server_listen(world.server, &file, &err), (int)STATUS_CONFLICT));
    char text[16];
    scratch_read(&scratch, "file", text, sizeof(text));
    cr_assert(eq(str, text, "precious"));
    struct client client = connect_local(address + 5);
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    client_close(&client);
    scratch_close(&scratch);
}

Test(connection, by_a_socket_of_somebody_else_is_served_and_the_socket_left)
{
    struct scratch scratch;
    struct error err = {0};
    scratch_open(&scratch);
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    char address[128];
    (void)snprintf(place.sun_path, sizeof(place.sun_path), "%s",
                   scratch_path(&scratch, "api.sock"));
    (void)snprintf(address, sizeof(address), "unix:%s", place.sun_path);
    int kept = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* blocking, as they come */
    cr_assert(bind(kept, (const struct sockaddr *)&place, sizeof(place)) == 0);
    cr_assert(listen(kept, 8) == 0);
    server_start(usual_limits);
    struct http_listener listener = {.address = address, .socket = dup(kept)};
    cr_assert(eq(int, (int)http_server_listen(world.server, &listener, &err), (int)STATUS_OK), "%s",
              err.text);

    struct client client = connect_local(place.sun_path);
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    client_close(&client);
    http_server_drain(world.server, note_drained, &world);
    struct client next = connect_local(place.sun_path); /* for whoever comes after us */
    WAIT_FOR(world.drained);
    http_server_free(world.server);
    world.server = NULL;

    cr_expect(access(place.sun_path, F_OK) == 0, "the socket file is gone");
    int accepted = accept(kept, NULL, NULL);
    cr_expect(accepted >= 0, "nobody waits in the queue");
    (void)close(accepted);
    (void)close(kept);
    client_close(&next);
    scratch_close(&scratch);
}

Test(connection, by_ipv6_is_served_and_named)
{
    server_start(usual_limits);
    server_listen("[::1]:0", NULL, NULL);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons(http_server_port(world.server, 0)),
                                   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct client client = client_of(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
                                     (const struct sockaddr *)&address, sizeof(address));

    cr_assert(eq(int, ask(&client, "GET /note HTTP/1.1\r\nHost: x\r\n\r\n").code, 204));

    cr_assert(strncmp(world.seen, "[::1]:", 6) == 0, "%s", world.seen);
    client_close(&client);
}

Test(connection, may_go_to_any_of_the_processes_that_share_a_port)
{
    server_start_plain(usual_limits);
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u",
                   (unsigned)http_server_port(world.server, 0));

    server_listen(address, NULL, NULL);

    cr_assert(eq(u16, http_server_port(world.server, 1), http_server_port(world.server, 0)));
}

Test(connection, waits_while_no_descriptor_is_left)
{
    server_start_plain(usual_limits);
    struct client client = client_connect();
    int spare[256];
    int count = 0;
    cr_assert(setrlimit(RLIMIT_NOFILE, &(struct rlimit){256, 256}) == 0);
    while (count < 256 && (spare[count] = dup(client.fd)) >= 0)
        count++;
    cr_assert(count < 256);

    for (int i = 0; i < 20; i++)
        turn();
    while (count > 0)
        (void)close(spare[--count]);

    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
    client_close(&client);
}
