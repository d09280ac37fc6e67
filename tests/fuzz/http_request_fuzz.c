/*
 * The way of a request through the server: framing, decoding, routing, admission and refusals, on a
 * real connection to a unix socket in this process.
 *
 * Input     its first byte says in how large pieces the rest is sent; 0: at once
 */
#include "http/server.h"

#include <event2/event.h>

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LATE_MAX = 64, TURNS_MAX = 10000 };

static struct event_base *base;
static struct http_server *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct http_request *late[LATE_MAX];
static size_t late_count;
static unsigned sum; /* whatever is read is used */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void reply(struct http_request *request, enum http_code code)
{
    /* What came from the client goes back in a header: no line break may come through. */
    const char *path = http_request_path(request);
    http_reply(request, &(struct http_response){.code = code,
                                                .content_type = "text/plain",
                                                .body = "body",
                                                .body_len = 4,
                                                .headers = {{"X-Path", path}},
                                                .header_count = 1});
}

static void look_at(const struct http_request *request)
{
    size_t len = 0;
    const char *body = http_request_body(request, &len);
    for (size_t i = 0; i < len; i++)
        sum += (unsigned char)body[i];
    for (size_t i = 0; i < http_request_query_count(request); i++) {
        const char *name = NULL, *value = NULL;
        http_request_query(request, i, &name, &value);
        sum += (unsigned)(strlen(name) + strlen(value));
    }
    const char *parameter = http_request_parameter(request, "id");
    const char *header = http_request_header(request, "Accept");
    sum += (unsigned)(parameter == NULL ? 0 : strlen(parameter));
    sum += (unsigned)(header == NULL ? 0 : strlen(header));
}

static void handle(void *context, struct http_request *request)
{
    (void)context;
    look_at(request);
    reply(request, HTTP_CODE_OK);
}

static void handle_late(void *context, struct http_request *request)
{
    (void)context;
    assert(late_count < LATE_MAX);
    late[late_count++] = request;
}

static void refuse(void *context, struct http_request *request, enum http_code code)
{
    (void)context;
    assert(code == HTTP_CODE_BAD_REQUEST || code == HTTP_CODE_NOT_FOUND ||
           code == HTTP_CODE_METHOD_NOT_ALLOWED || code == HTTP_CODE_TOO_LARGE ||
           code == HTTP_CODE_TIMEOUT || code == HTTP_CODE_UNAVAILABLE);
    reply(request, code);
}

static bool admit(void *context, struct http_request *request)
{
    (void)context;
    if (http_request_header(request, "X-No") == NULL)
        return true;
    reply(request, HTTP_CODE_UNAUTHORIZED);
    return false;
}

static const struct http_route routes[] = {
    {HTTP_METHOD_GET, "/", handle, NULL},       {HTTP_METHOD_GET, "/a/:id", handle, NULL},
    {HTTP_METHOD_POST, "/a", handle, admit},    {HTTP_METHOD_DELETE, "/a/:id", handle, admit},
    {HTTP_METHOD_GET, "/l", handle_late, NULL},
};

static void remove_directory(void)
{
    http_server_free(server);
    event_base_free(base);
    *strrchr(address.sun_path, '/') = '\0';
    (void)rmdir(address.sun_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    char directory[] = "/tmp/appbackup-fuzz-XXXXXX";
    char listen_address[128];
    if (mkdtemp(directory) == NULL)
        abort();
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", directory);
    (void)snprintf(listen_address, sizeof(listen_address), "unix:%s/s", directory);

    struct error err = {0};
    base = event_base_new();
    struct http_options options = {.routes = routes,
                                   .route_count = sizeof(routes) / sizeof(routes[0]),
                                   .refuse = refuse,
                                   .limits = {.body_bytes_max = 1000,
                                              .header_bytes_max = 1000,
                                              .bodies_bytes_max = 100000,
                                              .replies_bytes_max = 100000,
                                              .connections_max = 100,
                                              .idle_timeout_ms = 60000,
                                              .request_timeout_ms = 60000}};
    struct http_listener listener = {.address = listen_address};
    if (http_server_new(base, &options, &server, &err) != STATUS_OK ||
        http_server_listen(server, &listener, &err) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        abort();
    }
    (void)atexit(remove_directory);
    return 0;
}

static void turn(void)
{
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    while (late_count > 0) {
        struct http_request *request = late[--late_count];
        look_at(request);
        reply(request, HTTP_CODE_ACCEPTED);
    }
}

/* No byte of the input may have made a line of a reply: each is one of ours. */
static void check_line(const char *line)
{
    static const char *const ours[] = {"HTTP/1.",  "Content-Length: ", "Content-Type: ",
                                       "X-Path: ", "Allow: ",          "X-Correlation-ID: ",
                                       "Date: ",   "Connection: ",     "body"};
    if (*line == '\0')
        return;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strncmp(line, ours[i], strlen(ours[i])) == 0)
            return;
    (void)fprintf(stderr, "a line that is not ours: %s\n", line);
    abort();
}

static void check_replies(char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest))
        check_line(line);
}

/* Reads what there is behind len; false at the end of the connection. */
static int take(int fd, char *text, size_t size, size_t *len)
{
    ssize_t got = recv(fd, text + *len, size - *len, MSG_DONTWAIT);
    if (got > 0)
        *len += (size_t)got;
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static void send_all(int fd, const uint8_t *data, size_t size, size_t piece)
{
    while (size > 0) {
        size_t len = piece == 0 || piece > size ? size : piece;
        ssize_t sent = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
        turn();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[64 * 1024];
    if (size < 2 || size > 8192)
        return 0;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        abort();

    size_t len = 0;
    turn();
    send_all(fd, data + 1, size - 1, data[0]);
    (void)shutdown(fd, SHUT_WR);
    int turns = 0;
    while (take(fd, text, sizeof(text) - 1, &len) && len < sizeof(text) - 1) {
        turn();
        assert(turns++ < TURNS_MAX); /* a connection whose client has ended ends */
    }
    text[len] = '\0';
    check_replies(text);
    (void)close(fd);
    turn();
    return 0;
}
