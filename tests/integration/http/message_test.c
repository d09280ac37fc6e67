/* Messages: what goes in and what comes out, and what is refused. */
#include "fixture.h"

static struct client client;

static void open_world(void)
{
    server_start_plain(usual_limits);
    client = client_connect();
}

static void close_world(void)
{
    client_close(&client);
    server_stop();
}

TestSuite(message, .init = open_world, .fini = close_world, .timeout = 60);

Test(message, gets_its_reply_with_the_headers_that_each_has)
{
    struct reply reply = ask(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(eq(str, reply.body, "hello\n"));
    cr_assert(head_has(&reply, "\r\nContent-Type: text/plain\r\n"));
    cr_assert(head_has(&reply, "\r\nContent-Length: 6\r\n"));
    cr_assert(head_has(&reply, "\r\nX-Correlation-ID: "));
    cr_assert(head_has(&reply, " GMT\r\n"));
    cr_assert(not(head_has(&reply, "\r\nConnection:")));
}

Test(message, follows_another_on_the_same_connection)
{
    for (int i = 0; i < 100; i++)
        cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").code, 200));

    cr_assert(eq(int, world.handled, 100));
    cr_assert(eq(int, world.released, 100));
}

Test(message, may_come_pipelined_and_is_answered_in_order)
{
    client_send(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                         "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                         "\r\n\r\n" /* some clients put line breaks between */
                         "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
                         "DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo");

    cr_assert(eq(str, take_reply(&client, false).body, "hello\n"));
    cr_assert(eq(str, take_reply(&client, false).body, "one"));
    cr_assert(eq(int, take_reply(&client, false).code, 404));
    cr_assert(eq(str, take_reply(&client, false).body, "two"));
}

Test(message, may_come_byte_by_byte)
{
    const char *text = "POST /echo?x=%41 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";

    for (const char *next = text; *next != '\0'; next++)
        cr_assert(client_send_bytes(&client, next, 1));

    cr_assert(eq(str, take_reply(&client, false).body, "body"));
}

Test(message, of_get_and_delete_may_have_a_body)
{
    struct reply get =
        ask(&client, "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{\"a\"}");
    struct reply deleted = ask(&client, "DELETE /echo HTTP/1.1\r\nHost: a\r\n"
                                        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    struct reply next = ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");

    cr_assert(eq(str, get.body, "{\"a\"}"));
    cr_assert(eq(str, deleted.body, "{}"));
    cr_assert(eq(int, next.code, 200));
}

Test(message, is_routed_by_its_decoded_path_and_query)
{
    struct reply reply =
        ask(&client, "GET //items/a%20b//parts/c%2Fd?x=1+2&y HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_assert(eq(str, reply.body, "//items/a%20b//parts/c%2Fd|a b|c/d|x=1 2|y="));
}

Test(message, with_a_long_target_is_served)
{
    static char text[20000];
    char *out = stpcpy(text, "GET /items/");
    memset(out, 'a', 15000);
    strcpy(out + 15000, "/parts/%41 HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_assert(eq(int, ask(&client, text).code, 200));
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
}

Test(message, of_head_gets_the_length_without_the_body)
{
    struct reply reply = ask(&client, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(head_has(&reply, "\r\nContent-Length: 6\r\n"));
    cr_assert(eq(str, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").body, "hello\n"));
}

Test(message, without_content_has_no_length)
{
    struct reply reply = ask(&client, "GET /note HTTP/1.1\r\nHost: x\r\nX-NOTE: la la\r\n\r\n");

    cr_assert(eq(int, reply.code, 204));
    cr_assert(not(head_has(&reply, "Content-Length")));
    cr_assert(not(head_has(&reply, "Content-Type")));
    cr_assert(head_has(&reply, "ETag: \"1\""));
}

Test(message, tells_the_handler_peer_headers_and_id)
{
    struct reply reply = ask(&client, "GET /note HTTP/1.1\r\nHost: x\r\nX-NOTE: la la\r\n\r\n");

    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    cr_assert(getsockname(client.fd, (struct sockaddr *)&own, &len) == 0);
    char peer[64];
    (void)snprintf(peer, sizeof(peer), "127.0.0.1:%u la la ", (unsigned)ntohs(own.sin_port));
    cr_assert(strncmp(world.seen, peer, strlen(peer)) == 0, "%s", world.seen);
    char id[64];
    (void)snprintf(id, sizeof(id), "X-Correlation-ID: %.36s\r\n", world.seen + strlen(peer));
    cr_assert(head_has(&reply, id));
}

Test(message, never_carries_a_line_break_in_a_header)
{
    struct reply reply = ask(&client, "GET /note HTTP/1.1\r\nHost: x\r\n\r\n");

    cr_assert(not(head_has(&reply, "X-Folded")));
    cr_assert(not(head_has(&reply, "X-Split")));
    cr_assert(not(head_has(&reply, "Set-Cookie")));
    cr_assert(not(head_has(&reply, "Name")));
}

Test(message, that_asks_for_the_end_gets_it)
{
    struct reply reply =
        ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    WAIT_FOR(has_ended(&client));
}

Test(message, of_http_1_0_ends_the_connection)
{
    client_send(&client, "GET /hello HTTP/1.0\r\n\r\n");

    WAIT_FOR(has_ended(&client));
    cr_assert(strstr(client.in, "Content-Length: 6\r\n") != NULL);
    cr_assert(strstr(client.in, "\r\n\r\nhello\n") != NULL);
}

Test(message, that_expects_to_be_asked_for_its_body_is_asked)
{
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                         "Expect: 100-continue\r\n\r\n");
    WAIT_FOR(has_text(&client, "HTTP/1.1 100 Continue\r\n\r\n"));
    client.len = 0;
    client.in[0] = '\0';

    struct reply reply = ask(&client, "body");

    cr_assert(eq(str, reply.body, "body"));
}

Test(message, for_a_path_without_this_method_gets_405_with_allow)
{
    struct reply put = ask(&client, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    struct reply patch =
        ask(&client, "PATCH /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    struct reply options = ask(&client, "OPTIONS /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    struct reply trace = ask(&client, "TRACE /hello HTTP/1.1\r\nHost: x\r\n\r\n");

    cr_assert(eq(int, put.code, 405));
    cr_assert(head_has(&put, "\r\nAllow: GET, HEAD, POST, DELETE\r\n"));
    cr_assert(head_has(&put, "application/problem+json"));
    cr_assert(eq(int, patch.code, 405));
    cr_assert(head_has(&patch, "\r\nAllow: GET, HEAD\r\n"));
    cr_assert(eq(int, options.code, 405));
    cr_assert(eq(int, trace.code, 405));
}

Test(message, of_an_unknown_method_gets_405_or_404_in_json)
{
    struct client other = client_connect();

    struct reply known = ask(&client, "BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    struct reply unknown = ask(&other, "BREW /tea HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_assert(eq(int, known.code, 405));
    cr_assert(eq(str, known.body, "{\"status\": \"405\", \"path\": \"/hello\"}"));
    cr_assert(head_has(&known, "\r\nAllow: GET, HEAD\r\n"));
    cr_assert(head_has(&known, "\r\nConnection: close\r\n"));
    cr_assert(eq(int, unknown.code, 404));
    client_close(&other);
}

Test(message, for_an_unknown_path_gets_404_in_json)
{
    struct reply reply = ask(&client, "GET /nowhere?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_assert(eq(int, reply.code, 404));
    cr_assert(eq(str, reply.body, "{\"status\": \"404\", \"path\": \"/nowhere\"}"));
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
}

#define CHUNKED "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

struct text {
    const char *bytes;
    size_t len;
};

/* Each ends the connection: where the next message would begin is not known. */
static const struct text malformed[] = {
    TEXT("\x16\x03\x01\x02\x01 a TLS greeting without TLS\r\n\r\n"),
    TEXT("GET\r\n\r\n"),
    TEXT("GET /hello HTTP/2.0\r\n\r\n"),
    TEXT("GET /hello HTTP/0.9\r\n\r\n"),
    TEXT("GET /hello HTTP/1.10\r\n\r\n"),
    TEXT("GET /hello http/1.1\r\n\r\n"),
    TEXT("GET /hello FTP/1.1.........\r\n\r\n"),
    TEXT("GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1 \r\n\r\n"),
    TEXT("GET /hel\0lo HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("GET /hel\rlo HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\n\n"),
    TEXT("GET /hello HTTP/1.1\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: b\nX-C: d\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\n"),
    TEXT("\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\n folded: from nothing\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: b\r\n folded\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\x01\x62\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\x7f\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX\0A: a\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX A: a\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX(A): a\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: x\r\nX-\xc3\xa4: a\r\n\r\n"),
    TEXT("GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    TEXT("GET /%zz/longer/target HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1 1\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length\t: 1\r\n\r\nx"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: "
         "chunked\r\n\r\n0\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: "
         "1\r\n\r\n0\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0b"
         "chunked\r\n\r\n0\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
         "chunked\r\n\r\n"
         "0\r\n\r\n"),
    TEXT("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    TEXT("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: miracles\r\n\r\nx"),
    TEXT(CHUNKED "many\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "+1\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "-1\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "0x1\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED " 1\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1 \r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1 1\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1_\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1\0\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "10000000000000001\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "fffffffffffffffff\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1\r\nx\n0\r\n\r\n"),
    TEXT(CHUNKED "1\r\nxy\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1\r\nx0\r\n\r\n"),
    TEXT(CHUNKED "1;\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1;=b\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1;a=\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1;a=\"b\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1;a=\x01\r\nx\r\n0\r\n\r\n"),
    TEXT(CHUNKED "1\r\nx\r\n0\r\nno field\r\n\r\n"),
    TEXT(CHUNKED "1\r\nx\r\n0\r\nX-A: b\n\r\n"),
    TEXT(CHUNKED "1\r\nx\r\n0\r\nX-A: a\0b\r\n\r\n"),
    TEXT(CHUNKED "1\r\nx\r\n0\n\n"),
};

Test(message, that_is_malformed_gets_400_in_json_and_the_end)
{
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        struct client other = client_connect();
        (void)client_send_bytes(&other, malformed[i].bytes, malformed[i].len);
        WAIT_FOR(has_reply(&other, false) || other.ended);
        struct reply reply = {0};
        if (reply_end(&other, false) > 0)
            reply = take_reply(&other, false);

        cr_expect(head_has(&reply, "application/problem+json"), "%zu: %s", i, malformed[i].bytes);
        cr_expect(head_has(&reply, "\r\nConnection: close\r\n"), "%zu: %s", i, malformed[i].bytes);
        cr_expect(eq(int, reply.code, 400), "%zu: %s", i, malformed[i].bytes);
        WAIT_FOR(has_ended(&other));
        client_close(&other);
    }
    cr_assert(eq(int, world.handled, 0));
}

Test(message, of_a_length_that_no_number_holds_is_too_large)
{
    struct reply reply = ask(
        &client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nx");

    cr_assert(eq(int, reply.code, 413));
    WAIT_FOR(has_ended(&client));
}

/* What RFC 9112 allows, each with the body "abc" or none, and another request behind it. */
static const char *const odd[] = {
    "\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: 3\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: x\r\ncontent-length:3\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: \t 003 \t\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Obs: \xe4\xf6\r\nX!#$%&'*+-.^_`|~9: x\r\n"
    "Content-Length: 3\r\n\r\nabc",
    "POST /echo HTTP/1.9\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    "POST http://a/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTRANSFER-encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    CHUNKED "1\r\na\r\n02\r\nbc\r\n000\r\n\r\n",
    CHUNKED "3;name\r\nabc\r\n0;last=1\r\n\r\n",
    CHUNKED "3;name=value;other=\"quo;\\\"ted\"\r\nabc\r\n0\r\n\r\n",
    CHUNKED "3 ; name = value\r\nabc\r\n0\r\n\r\n",
    CHUNKED "3\r\nabc\r\n0\r\nX-Trailer: x\r\nX-Other:\r\n\r\n",
    "POST /echo HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabc",
};

Test(message, that_is_odd_but_allowed_is_taken_at_once_or_byte_by_byte)
{
    for (size_t i = 0; i < 2 * sizeof(odd) / sizeof(odd[0]); i++) {
        const char *text = odd[i / 2];
        struct client other = client_connect();
        if (i % 2 == 0)
            client_send(&other, text);
        for (const char *next = text; i % 2 == 1 && *next != '\0'; next++)
            cr_assert(client_send_bytes(&other, next, 1), "%s", text);

        struct reply reply = take_reply(&other, false);

        cr_expect(eq(int, reply.code, 200), "%s", text);
        cr_expect(eq(str, reply.body, "abc"), "%s", text);
        cr_expect(not(head_has(&reply, "\r\nConnection: close\r\n")), "%s", text);
        cr_expect(eq(int, ask(&other, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200), "%s",
                  text);
        client_close(&other);
    }
}

/* Sends the beginning, then the line again and again, until the server has had enough. */
static void expect_to_be_stopped(const char *beginning, const char *line)
{
    struct client other = client_connect();
    client_send(&other, beginning);
    size_t sent = 0;
    while (!has_reply(&other, false) && sent < 256 * 1024) {
        cr_assert(client_send_bytes(&other, line, strlen(line)));
        sent += strlen(line);
    }

    struct reply reply = take_reply(&other, false);

    cr_expect(eq(int, reply.code, 400), "%s", line);
    cr_expect(head_has(&reply, "\r\nConnection: close\r\n"), "%s", line);
    client_close(&other);
}

Test(message, has_bounded_chunk_extensions_trailers_and_empty_lines)
{
    expect_to_be_stopped(CHUNKED "1", ";extension=value");
    expect_to_be_stopped(CHUNKED "0\r\n", "X-Trailer: x\r\n");
    expect_to_be_stopped("", "\r\n");
    expect_to_be_stopped(CHUNKED, "0");
}

static bool says(struct reply *reply, const char *line)
{
    return head_has(reply, line);
}

Test(message, is_answered_with_the_close_announced_however_it_comes_about)
{
    static const struct {
        const char *text;
        bool is_close;
    } cases[] = {
        {"GET /hello HTTP/1.0\r\n\r\n", true},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", true},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: upgrade, Close\r\n\r\n", true},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nConnection: close\r\n\r\n",
         true},
        {"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", false},
        {"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true},
        {"PUT /hello HTTP/1.0\r\n\r\n", true},
        {"BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client other = client_connect();
        struct reply reply = ask(&other, cases[i].text);
        cr_expect(eq(int, says(&reply, "\r\nConnection: close\r\n"), cases[i].is_close), "%s",
                  cases[i].text);
        if (cases[i].is_close)
            WAIT_FOR(has_ended(&other));
        client_close(&other);
    }
}

Test(message, of_head_with_a_body_ends_the_connection)
{
    struct reply reply =
        ask(&client, "HEAD /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\n"
                     "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nxxxx");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    WAIT_FOR(has_ended(&client));
    cr_assert(eq(int, world.handled, 1));
}

Test(message, of_somebody_without_a_token_is_refused_before_its_body)
{
    static const char *const heads[] = {
        "POST /guarded HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        "POST /guarded HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nExpect: "
        "100-continue\r\n\r\n",
        "POST /guarded HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct client other = client_connect();
        struct reply reply = ask(&other, heads[i]);
        cr_expect(eq(int, reply.code, 401), "%s", heads[i]);
        cr_expect(head_has(&reply, "\r\nConnection: close\r\n"), "%s", heads[i]);
        client_close(&other);
    }
}

Test(message, of_somebody_without_a_token_keeps_the_connection_when_its_body_is_there)
{
    cr_assert(
        eq(int,
           ask(&client, "POST /guarded HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody").code,
           401));
    struct reply reply = ask(&client, "POST /guarded HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\n"
                                      "Content-Length: 4\r\n\r\nbody");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(eq(str, reply.body, "body"));
    cr_assert(eq(int, world.admitted, 1));
    cr_assert(eq(int, world.released, 1));
}

Test(message, of_somebody_without_a_token_keeps_the_connection_when_its_body_is_small)
{
    struct reply reply =
        ask(&client, "POST /guarded HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\n"
                     "GET /hel");
    cr_assert(eq(int, reply.code, 401));
    cr_assert(not(head_has(&reply, "\r\nConnection: close\r\n")));

    client_send(&client, "lo HTTP/1.1\r\n");

    reply = ask(&client, "\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(eq(int, reply.code, 200));
    cr_assert(eq(int, world.handled, 1));
}

Test(message, whose_body_was_waited_for_is_admitted_once)
{
    client_send(&client, "POST /guarded HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    WAIT_FOR(world.admitted == 1);
    cr_assert(eq(int, world.handled, 0));

    struct reply reply = ask(&client, "3\r\ntwo\r\n0\r\n\r\n");

    cr_assert(eq(str, reply.body, "onetwo"));
    cr_assert(eq(int, world.admitted, 1));
    cr_assert(eq(int, world.released, 1));
}

Test(message, that_ends_within_its_body_releases_what_its_admission_left)
{
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbody");
    WAIT_FOR(world.admitted == 1);

    cr_assert(shutdown(client.fd, SHUT_WR) == 0);

    WAIT_FOR(has_ended(&client));
    cr_assert(eq(int, world.released, 1));
    cr_assert(eq(int, world.handled, 0));
}

Test(message, to_a_route_that_reads_no_body_leaves_none)
{
    struct reply reply =
        ask(&client, "POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");

    cr_assert(eq(int, reply.code, 200));
    cr_assert(eq(str, reply.body, ""));
    cr_assert(eq(int, ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").code, 200));
}

Test(message, of_a_client_that_sends_no_more_is_still_answered)
{
    client_send(&client,
                "GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(shutdown(client.fd, SHUT_WR) == 0);
    WAIT_FOR(world.late_count == 1);
    for (int i = 0; i < 5; i++)
        turn();

    reply_text(world.late[0], HTTP_CODE_OK, "late", 4);

    cr_assert(eq(str, take_reply(&client, false).body, "late"));
    cr_assert(eq(str, take_reply(&client, false).body, "hello\n"));
    WAIT_FOR(has_ended(&client));
}

Test(message, whose_length_is_over_the_limit_gets_413_before_its_body)
{
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");

    struct reply reply = take_reply(&client, false);

    cr_assert(eq(int, reply.code, 413));
    cr_assert(strstr(reply.body, "{\"status\": \"413\"") != NULL);
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    cr_assert(head_has(&reply, "application/problem+json"));
    WAIT_FOR(has_ended(&client));
}

Test(message, over_the_limit_is_refused_instead_of_asked_for)
{
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n"
                         "Expect: 100-continue\r\n\r\n");

    cr_assert(eq(int, take_reply(&client, false).code, 413));
}

Test(message, over_the_limit_can_be_sent_in_full_and_its_413_is_still_there)
{
    static char body[1 << 16];
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 16777216\r\n\r\n");
    for (int i = 0; i < 16 * 16; i++) /* as a client does that reads only afterwards */
        cr_assert(client_send_bytes(&client, body, sizeof(body)), "reset while sending");

    struct reply reply = take_reply(&client, false);

    cr_assert(eq(int, reply.code, 413));
    WAIT_FOR(has_ended(&client));
    cr_assert(eq(int, world.handled, 0));
}

Test(message, in_chunks_gets_413_when_it_exceeds_the_limit)
{
    static char chunk[(1 << 16) + 16];
    size_t len = (size_t)sprintf(chunk, "10000\r\n");
    memset(chunk + len, 'x', 1 << 16);
    memcpy(chunk + len + (1 << 16), "\r\n", 2);
    len += (1 << 16) + 2;
    client_send(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 40; i++)
        cr_assert(client_send_bytes(&client, chunk, len), "reset while sending");

    struct reply reply = take_reply(&client, false);

    cr_assert(eq(int, reply.code, 413));
    cr_assert(head_has(&reply, "\r\nConnection: close\r\n"));
    WAIT_FOR(has_ended(&client));
}

Test(message, at_the_limit_is_served)
{
    static char text[(1 << 20) + 200];
    int len =
        sprintf(text, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 1 << 20);
    memset(text + len, 'x', 1 << 20);
    cr_assert(client_send_bytes(&client, text, (size_t)len + (1 << 20)));

    WAIT_FOR(has_text(&client, "HTTP/1.1 200 OK\r\n"));
}

Test(message, with_too_many_header_bytes_gets_400)
{
    static char text[40 * 1024];
    char *out = stpcpy(text, "GET /hello HTTP/1.1\r\n");
    while (out - text < 34 * 1024)
        out = stpcpy(out, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    strcpy(out, "\r\n");
    cr_assert(client_send_bytes(&client, text, strlen(text)));

    struct reply reply = take_reply(&client, false);

    cr_assert(eq(int, reply.code, 400));
    cr_assert(strstr(reply.body, "{\"status\": \"400\"") != NULL);
    WAIT_FOR(has_ended(&client));
}

Test(message, whose_first_line_never_ends_gets_400)
{
    static char text[33 * 1024];
    memset(text, 'a', sizeof(text));
    cr_assert(client_send_bytes(&client, text, sizeof(text)));

    cr_assert(eq(int, take_reply(&client, false).code, 400));
    WAIT_FOR(has_ended(&client));
}
