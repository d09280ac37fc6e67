#include "fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct world world;

void turn(void)
{
    cr_assert(event_base_loop(world.base, EVLOOP_NONBLOCK) >= 0);
}

void reply_text(struct http_request *request, enum http_code code, const char *text, size_t len)
{
    http_reply(request,
               &(struct http_response){
                   .code = code, .content_type = "text/plain", .body = text, .body_len = len});
}

static void count_release(void *state)
{
    int *counter = state;
    (*counter)++;
}

static void handle_hello(void *context, struct http_request *request)
{
    (void)context;
    world.handled++;
    http_request_set_state(request, &world.released, count_release);
    reply_text(request, HTTP_CODE_OK, "hello\n", 6);
}

static void handle_echo(void *context, struct http_request *request)
{
    (void)context;
    world.handled++;
    size_t len = 0;
    const char *body = http_request_body(request, &len);
    reply_text(request, HTTP_CODE_OK, body, len);
}

static void handle_parts(void *context, struct http_request *request)
{
    (void)context;
    static char text[64 * 1024]; /* the header limit allows no target that does not fit */
    int len =
        snprintf(text, sizeof(text), "%s|%s|%s", http_request_path(request),
                 http_request_parameter(request, "item"), http_request_parameter(request, "part"));
    for (size_t i = 0; i < http_request_query_count(request); i++) {
        const char *name = NULL, *value = NULL;
        http_request_query(request, i, &name, &value);
        len += snprintf(text + len, sizeof(text) - (size_t)len, "|%s=%s", name, value);
    }
    reply_text(request, HTTP_CODE_OK, text, (size_t)len);
}

static void handle_late(void *context, struct http_request *request)
{
    (void)context;
    cr_assert(world.late_count < LATE_MAX);
    http_request_set_state(request, &world.released, count_release);
    world.late[world.late_count++] = request;
}

static void handle_large(void *context, struct http_request *request)
{
    (void)context;
    size_t len = 64 * 1024 * 1024; /* more than sockets buffer */
    char *text = malloc(len);
    cr_assert(text != NULL);
    memset(text, 'x', len);
    reply_text(request, HTTP_CODE_OK, text, len);
    free(text);
}

static void handle_medium(void *context, struct http_request *request)
{
    (void)context;
    static char text[MEDIUM_BYTES];
    memset(text, 'x', sizeof(text));
    reply_text(request, HTTP_CODE_OK, text, sizeof(text));
}

static void handle_note(void *context, struct http_request *request)
{
    (void)context;
    const char *header = http_request_header(request, "x-note");
    (void)snprintf(world.seen, sizeof(world.seen), "%s %s %s %d", http_request_peer(request),
                   header == NULL ? "-" : header, http_request_correlation_id(request),
                   (int)http_request_is_tls(request));
    http_reply(request, &(struct http_response){.code = HTTP_CODE_NO_CONTENT,
                                                .headers = {{"ETag", "\"1\""},
                                                            {"X-Folded", "a\r\n b"},
                                                            {"X-Split", "a\r\nSet-Cookie: b"},
                                                            {"X-Bad\nName", "c"}},
                                                .header_count = 4});
}

static void refuse_with_json(void *context, struct http_request *request, enum http_code code)
{
    (void)context;
    world.refused++;
    char text[256];
    int len = snprintf(text, sizeof(text), "{\"status\": \"%d\", \"path\": \"%.100s\"}", (int)code,
                       http_request_path(request));
    http_reply(request, &(struct http_response){.code = code,
                                                .content_type = "application/problem+json",
                                                .body = text,
                                                .body_len = (size_t)len});
}

static bool admit_anybody(void *context, struct http_request *request)
{
    (void)context;
    http_request_set_state(request, &world.released, count_release);
    world.admitted++;
    return true;
}

/* Whoever brings the token "good" may. */
static bool admit_with_token(void *context, struct http_request *request)
{
    const char *token = http_request_header(request, "Authorization");
    if (token != NULL && strcmp(token, "good") == 0) {
        http_request_trust(request);
        return admit_anybody(context, request);
    }
    reply_text(request, HTTP_CODE_UNAUTHORIZED, "who?", 4);
    return false;
}

static const struct http_route fixture_routes[] = {
    {HTTP_METHOD_GET, "/hello", handle_hello, NULL},
    {HTTP_METHOD_GET, "/echo", handle_echo, admit_anybody},
    {HTTP_METHOD_POST, "/echo", handle_echo, admit_anybody},
    {HTTP_METHOD_DELETE, "/echo", handle_echo, admit_anybody},
    {HTTP_METHOD_POST, "/deaf", handle_echo, NULL},
    {HTTP_METHOD_POST, "/guarded", handle_echo, admit_with_token},
    {HTTP_METHOD_GET, "/guarded", handle_echo, admit_with_token},
    {HTTP_METHOD_GET, "/guarded/late", handle_late, admit_with_token},
    {HTTP_METHOD_GET, "/items/:item/parts/:part", handle_parts, NULL},
    {HTTP_METHOD_GET, "/late", handle_late, admit_anybody},
    {HTTP_METHOD_GET, "/large", handle_large, NULL},
    {HTTP_METHOD_GET, "/medium", handle_medium, NULL},
    {HTTP_METHOD_GET, "/note", handle_note, NULL},
};

const struct http_limits usual_limits = {.body_bytes_max = 1024 * 1024,
                                         .header_bytes_max = 32 * 1024,
                                         .bodies_bytes_max = 64 * 1024 * 1024,
                                         .replies_bytes_max = 64 * 1024 * 1024,
                                         .connections_max = 64,
                                         .idle_timeout_ms = 30000,
                                         .request_timeout_ms = 30000};

void server_start(struct http_limits limits)
{
    struct error err = {0};
    world = (struct world){.base = event_base_new()};
    cr_assert(world.base != NULL);
    struct http_options options = {.routes = fixture_routes,
                                   .route_count =
                                       sizeof(fixture_routes) / sizeof(fixture_routes[0]),
                                   .refuse = refuse_with_json,
                                   .limits = limits};
    cr_assert(http_server_new(world.base, &options, &world.server, &err) == STATUS_OK, "%s",
              err.text);
}

void server_listen(const char *address, const char *certificate, const char *key)
{
    struct error err = {0};
    struct http_listener listener = {.address = address, .certificate = certificate, .key = key};
    cr_assert(http_server_listen(world.server, &listener, &err) == STATUS_OK, "%s", err.text);
}

/* A socket that listens on loopback and whose connections buffer little, either way. */
static int small_listener(char address[32])
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(any);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int bytes = 16 * 1024;
    cr_assert(fd >= 0);
    cr_assert(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
    cr_assert(bind(fd, (struct sockaddr *)&any, len) == 0 && listen(fd, 8) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&any, &len) == 0);
    (void)snprintf(address, 32, "127.0.0.1:%d", ntohs(any.sin_port));
    return fd;
}

void server_listen_small(const char *certificate, const char *key)
{
    struct error err = {0};
    char address[32];
    struct http_listener listener = {.certificate = certificate, .key = key};
    listener.socket = small_listener(address);
    listener.address = address;
    cr_assert(http_server_listen(world.server, &listener, &err) == STATUS_OK, "%s", err.text);
}

void server_start_plain(struct http_limits limits)
{
    server_start(limits);
    server_listen("127.0.0.1:0", NULL, NULL);
}

void server_stop(void)
{
    http_server_free(world.server);
    world.server = NULL;
    turn();
    event_base_free(world.base);
    world.base = NULL;
}

struct client client_of(int fd, const struct sockaddr *address, socklen_t len)
{
    cr_assert(fd >= 0);
    cr_assert(connect(fd, address, len) == 0, "connect: %s", strerror(errno));
    cr_assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    struct client client = {.fd = fd, .in = calloc(1, REPLY_MAX)};
    cr_assert(client.in != NULL);
    return client;
}

static struct client connect_by(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(world.server, 0)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return client_of(fd, (const struct sockaddr *)&address, sizeof(address));
}

struct client client_connect(void)
{
    return connect_by(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

struct client client_connect_small(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int bytes = 16 * 1024;
    cr_assert(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0);
    return connect_by(fd);
}

size_t take_steadily(take_fn *take, void *context, int64_t bytes_per_s, size_t enough)
{
    char bytes[1024];
    int64_t start_ms = clock_mono_ms();
    size_t taken = 0;
    while (taken < enough) {
        int64_t due = (clock_mono_ms() - start_ms) * bytes_per_s / 1000;
        int got = -1;
        while ((int64_t)taken < due && (got = take(context, bytes, sizeof(bytes))) > 0) {
            taken += (size_t)got;
            turn();
        }
        if (got == 0)
            break;
        cr_assert(clock_mono_ms() - start_ms < 3 * PATIENCE_MS, "after %zu bytes", taken);
        turn();
        (void)poll(NULL, 0, 1);
    }
    return taken < enough ? taken : enough;
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        (void)close(client->fd);
    free(client->in);
    *client = (struct client){.fd = -1};
}

bool client_send_bytes(struct client *client, const char *bytes, size_t len)
{
    int64_t give_up_ms = clock_mono_ms() + PATIENCE_MS;
    while (len > 0) {
        cr_assert(clock_mono_ms() < give_up_ms, "the server takes nothing");
        ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return false;
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        }
        turn();
    }
    return true;
}

void client_send(struct client *client, const char *text)
{
    cr_assert(client_send_bytes(client, text, strlen(text)), "the server has closed");
}

/* What is there; notes the end of the connection. */
static void client_read(struct client *client)
{
    turn();
    while (!client->ended && client->len < REPLY_MAX - 1) {
        ssize_t got = recv(client->fd, client->in + client->len, REPLY_MAX - 1 - client->len, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            client->ended = true;
        else
            client->len += (size_t)got;
        client->in[client->len] = '\0';
    }
}

bool has_text(struct client *client, const char *text)
{
    client_read(client);
    return strstr(client->in, text) != NULL;
}

bool has_ended(struct client *client)
{
    client_read(client);
    return client->ended;
}

size_t reply_end(const struct client *client, bool of_head)
{
    const char *head_end = strstr(client->in, "\r\n\r\n");
    if (head_end == NULL)
        return 0;
    size_t end = (size_t)(head_end + 4 - client->in);
    const char *length = strcasestr(client->in, "\r\nContent-Length:");
    if (!of_head && length != NULL && length < head_end)
        end += strtoul(length + 17, NULL, 10);
    return end <= client->len ? end : 0;
}

bool has_reply(struct client *client, bool of_head)
{
    client_read(client);
    return reply_end(client, of_head) > 0;
}

struct reply take_reply(struct client *client, bool of_head)
{
    WAIT_FOR(has_reply(client, of_head) || client->ended);
    size_t end = reply_end(client, of_head);
    cr_assert(end > 0, "no reply, but: %s", client->in);
    struct reply reply = {0};
    size_t head_len = (size_t)(strstr(client->in, "\r\n\r\n") + 4 - client->in);
    (void)snprintf(reply.head, sizeof(reply.head), "%.*s", (int)head_len, client->in);
    (void)snprintf(reply.body, sizeof(reply.body), "%.*s", (int)(end - head_len),
                   client->in + head_len);
    cr_assert(sscanf(client->in, "HTTP/1.1 %d ", &reply.code) == 1, "%s", reply.head);
    memmove(client->in, client->in + end, client->len - end + 1);
    client->len -= end;
    return reply;
}

struct reply ask(struct client *client, const char *text)
{
    client_send(client, text);
    return take_reply(client, strncmp(text, "HEAD", 4) == 0);
}

bool head_has(const struct reply *reply, const char *line)
{
    return strcasestr(reply->head, line) != NULL;
}

int open_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    cr_assert(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}
