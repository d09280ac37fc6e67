/* TLS: handshake, versions, and certificates that change while connections go on. */
#include "fixture.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static struct scratch scratch;
static char certificate[96], key[96];

static void make_certificate(const char *name)
{
    scratch_shell(&scratch,
                  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                  "-keyout new.key -out new.crt -days 2 -subj /CN=%s && "
                  "mv new.key server.key && mv new.crt server.crt",
                  name);
}

static void open_world(void)
{
    scratch_open(&scratch);
    (void)snprintf(certificate, sizeof(certificate), "%s", scratch_path(&scratch, "server.crt"));
    (void)snprintf(key, sizeof(key), "%s", scratch_path(&scratch, "server.key"));
    make_certificate("first");
    server_start(usual_limits);
    server_listen("127.0.0.1:0", certificate, key);
}

static void close_world(void)
{
    server_stop();
    scratch_close(&scratch);
}

TestSuite(tls, .init = open_world, .fini = close_world, .timeout = 60);

struct tls_client {
    struct client socket;
    SSL_CTX *context;
    SSL *ssl;
};

static struct tls_client tls_open_on(struct client socket, int max_version)
{
    struct tls_client client = {.socket = socket, .context = SSL_CTX_new(TLS_client_method())};
    cr_assert(client.context != NULL);
    SSL_CTX_set_security_level(client.context,
                               0); /* else the old versions are not even asked for */
    cr_assert(SSL_CTX_set_min_proto_version(client.context, TLS1_VERSION) == 1);
    cr_assert(SSL_CTX_set_max_proto_version(client.context, max_version) == 1);
    client.ssl = SSL_new(client.context);
    cr_assert(client.ssl != NULL && SSL_set_fd(client.ssl, client.socket.fd) == 1);
    return client;
}

static struct tls_client tls_open(int max_version)
{
    return tls_open_on(client_connect(), max_version);
}

static void tls_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    client_close(&client->socket);
    ERR_clear_error();
}

/* 1: done; 0: has to wait; -1: failed. */
static int progress(const struct tls_client *client, int result)
{
    if (result > 0)
        return 1;
    int reason = SSL_get_error(client->ssl, result);
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static bool handshake(struct tls_client *client)
{
    int state = 0;
    WAIT_FOR((state = progress(client, SSL_connect(client->ssl))) != 0);
    return state > 0;
}

/* Until the text is there: head and body may come in records of their own. */
static void tls_ask(struct tls_client *client, const char *text, const char *awaited)
{
    int state = 0;
    char reply[4096] = "";
    size_t len = 0;
    WAIT_FOR((state = progress(client, SSL_write(client->ssl, text, (int)strlen(text)))) != 0);
    cr_assert(state > 0);
    while (strstr(reply, awaited) == NULL) {
        int got = 0;
        cr_assert(len < sizeof(reply) - 1, "%s", reply);
        WAIT_FOR((state = progress(client, got = SSL_read(client->ssl, reply + len,
                                                          (int)(sizeof(reply) - 1 - len)))) != 0);
        cr_assert(state > 0, "the end, after: %s", reply);
        len += (size_t)got;
        reply[len] = '\0';
    }
}

static void expect_name(const struct tls_client *client, const char *name)
{
    X509 *peer = SSL_get1_peer_certificate(client->ssl);
    cr_assert(peer != NULL);
    char common_name[64] = "";
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, common_name,
                                    sizeof(common_name));
    X509_free(peer);
    cr_assert(eq(str, common_name, (char *)name));
}

Test(tls, serves_requests_in_both_versions)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < 2; i++) {
        struct tls_client client = tls_open(versions[i]);
        cr_assert(handshake(&client));
        cr_assert(eq(int, SSL_version(client.ssl), versions[i]));
        tls_ask(&client, "GET /note HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 ");
        cr_assert(eq(chr, world.seen[strlen(world.seen) - 1], '1')); /* is_tls */
        tls_ask(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n");
        tls_close(&client);
    }
}

Test(tls, refuses_version_1_1)
{
    struct tls_client client = tls_open(TLS1_1_VERSION);

    cr_assert(not(handshake(&client)));

    cr_assert(eq(int, world.handled, 0));
    tls_close(&client);
}

Test(tls, refuses_what_is_not_tls)
{
    struct client client = client_connect();
    client_send(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");

    WAIT_FOR(has_ended(&client));

    cr_assert(eq(int, world.handled, 0));
    client_close(&client);
}

Test(tls, takes_a_body_at_the_limit_and_the_next_request)
{
    static char text[(1 << 20) + 200];
    struct tls_client client = tls_open(TLS1_3_VERSION);
    int len =
        sprintf(text, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 1 << 20);
    memset(text + len, 'x', 1 << 20);
    cr_assert(handshake(&client));

    tls_ask(&client, text, "\r\n\r\nhello\n");
    tls_ask(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n");

    cr_assert(eq(int, world.handled, 2));
    tls_close(&client);
}

Test(tls, refuses_a_body_over_the_limit)
{
    struct tls_client client = tls_open(TLS1_3_VERSION);
    cr_assert(handshake(&client));

    tls_ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
            "{\"status\": \"413\"");

    cr_assert(eq(int, world.handled, 0));
    tls_close(&client);
}

Test(tls, says_goodbye_when_it_ends_a_connection)
{
    struct tls_client client = tls_open(TLS1_3_VERSION);
    cr_assert(handshake(&client));
    tls_ask(&client, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "\r\n\r\nhello\n");

    int state = 0;
    char more;
    WAIT_FOR((state = progress(&client, SSL_read(client.ssl, &more, 1))) != 0);

    cr_assert(eq(int, state, -1));
    cr_assert(ne(int, SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN, 0));
    tls_close(&client);
}

static void expect_refusal(const char *certificate_name, const char *key_name, const char *text)
{
    char certificate_path[96], key_path[96];
    struct error err = {0};
    (void)snprintf(certificate_path, sizeof(certificate_path), "%s",
                   scratch_path(&scratch, certificate_name));
    (void)snprintf(key_path, sizeof(key_path), "%s", scratch_path(&scratch, key_name));
    cr_expect(eq(int, (int)http_key_check(certificate_path, key_path, &err), (int)STATUS_INVALID));
    cr_expect(ne(ptr, strstr(err.text, text), NULL), "%s", err.text);
}

Test(tls, says_what_is_wrong_with_which_file)
{
    struct error err = {0};
    scratch_shell(&scratch, "cp server.crt old.crt && cp server.key old.key && echo x >garbage");
    make_certificate("second");

    cr_expect(eq(int, (int)http_certificate_check(certificate, &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)http_key_check(certificate, key, &err), (int)STATUS_OK));
    expect_refusal("none.crt", "server.key", "/none.crt': No such file or directory");
    expect_refusal("garbage", "server.key", "/garbage': no start line");
    expect_refusal("server.crt", "none.key", "/server.crt': No such file or directory");
    expect_refusal("server.crt", "old.key", "/server.crt': key values mismatch");
}

Test(tls, gives_a_new_certificate_to_new_connections_and_drops_none)
{
    struct tls_client old = tls_open(TLS1_3_VERSION);
    struct error err = {0};
    cr_assert(handshake(&old));
    expect_name(&old, "first");

    make_certificate("second");
    cr_assert(http_server_reload(world.server, &err) == STATUS_OK, "%s", err.text);

    struct tls_client fresh = tls_open(TLS1_3_VERSION);
    cr_assert(handshake(&fresh));
    expect_name(&fresh, "second");
    tls_ask(&old, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n");
    tls_ask(&fresh, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n");
    tls_close(&old);
    tls_close(&fresh);
}

Test(tls, stays_with_the_old_certificate_when_the_new_one_is_wrong)
{
    struct error err = {0};

    scratch_shell(&scratch, "openssl ecparam -name prime256v1 -genkey -noout -out server.key");
    cr_assert(eq(int, (int)http_server_reload(world.server, &err), (int)STATUS_INVALID));
    cr_assert(strstr(err.text, key) != NULL, "%s", err.text);
    scratch_write(&scratch, "server.crt", "not PEM", 0644);
    cr_assert(eq(int, (int)http_server_reload(world.server, &err), (int)STATUS_INVALID));
    cr_assert(strstr(err.text, certificate) != NULL, "%s", err.text);

    struct tls_client client = tls_open(TLS1_3_VERSION);
    cr_assert(handshake(&client));
    expect_name(&client, "first");
    tls_close(&client);
}

Test(tls, refuses_a_key_with_a_passphrase_instead_of_asking)
{
    struct error err = {0};
    scratch_shell(&scratch, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 "
                            "-aes256 -pass pass:secret -out server.key");

    cr_assert(eq(int, (int)http_server_reload(world.server, &err), (int)STATUS_INVALID));
}

Test(tls, cuts_a_handshake_that_does_not_end)
{
    server_stop();
    struct http_limits limits = usual_limits;
    limits.idle_timeout_ms = 300;
    server_start(limits);
    server_listen("127.0.0.1:0", certificate, key);
    struct client client = client_connect();
    client_send(&client, "\x16\x03\x01\x02");

    WAIT_FOR(has_ended(&client));

    client_close(&client);
}

static int take_tls(void *context, char *bytes, int max)
{
    struct tls_client *client = context;
    int got = SSL_read(client->ssl, bytes, max);
    return got > 0 ? got : progress(client, got) == 0 ? -1 : 0;
}

/* How much of the reply with /medium arrives at this pace. */
static size_t take_medium(int64_t bytes_per_s)
{
    static const char request[] = "GET /medium HTTP/1.1\r\nHost: x\r\n\r\n";
    server_stop();
    struct http_limits limits = usual_limits;
    limits.request_timeout_ms = 500;
    server_start(limits);
    server_listen_small(certificate, key);
    struct tls_client client = tls_open_on(client_connect_small(), TLS1_3_VERSION);
    cr_assert(handshake(&client));
    cr_assert(SSL_write(client.ssl, request, sizeof(request) - 1) > 0);
    size_t taken = take_steadily(take_tls, &client, bytes_per_s, MEDIUM_BYTES);
    tls_close(&client);
    return taken;
}

Test(tls, gives_a_steady_client_all_the_time_it_needs)
{
    cr_assert(eq(sz, take_medium(6 * HTTP_REPLY_BYTES_PER_S_MIN), MEDIUM_BYTES));
}

Test(tls, cuts_a_client_that_is_too_slow)
{
    cr_assert(lt(sz, take_medium(HTTP_REPLY_BYTES_PER_S_MIN / 2), MEDIUM_BYTES / 2));
}

Test(tls, leaves_no_descriptor_behind)
{
    struct error err = {0};
    server_stop();
    int before = open_descriptors();
    server_start(usual_limits);
    server_listen("127.0.0.1:0", certificate, key);
    struct tls_client client = tls_open(TLS1_3_VERSION), silent = tls_open(TLS1_3_VERSION);
    cr_assert(handshake(&client));
    tls_ask(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n");
    cr_assert(http_server_reload(world.server, &err) == STATUS_OK);

    http_server_free(world.server);
    world.server = NULL;
    turn();
    tls_close(&client);
    tls_close(&silent);
    event_base_free(world.base);

    cr_assert(eq(int, open_descriptors(), before));
    server_start(usual_limits);
}
