/*
 * A server and its clients in one process and one thread: whoever waits turns the loop meanwhile.
 * So a test decides when the server may run, and sees its requests from the inside.
 */
#ifndef TESTS_INTEGRATION_HTTP_FIXTURE_H
#define TESTS_INTEGRATION_HTTP_FIXTURE_H

#include "core/clock.h"
#include "http/server.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/event.h>

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

enum { PATIENCE_MS = 10000, LATE_MAX = 64, REPLY_MAX = 512 * 1024, MEDIUM_BYTES = 1000 * 1000 };

struct world {
    struct event_base *base;
    struct http_server *server;
    struct http_request *late[LATE_MAX]; /* waiting for their reply */
    size_t late_count;
    int released; /* states */
    int admitted;
    int handled;
    int refused;
    bool drained;
    char seen[256]; /* what the last handler noted */
};

extern struct world world;

/* One descriptor of the client, non-blocking; what was read of it, as text. */
struct client {
    int fd;
    char *in;
    size_t len;
    bool ended;
};

void turn(void);

/* Turns the loop until the condition holds; fails the test after PATIENCE_MS. */
#define WAIT_FOR(condition)                                             \
    do {                                                                \
        int64_t give_up_ms_ = clock_mono_ms() + PATIENCE_MS;            \
        while (!(condition)) {                                          \
            cr_assert(clock_mono_ms() < give_up_ms_, "%s", #condition); \
            turn();                                                     \
            (void)poll(NULL, 0, 1);                                     \
        }                                                               \
    } while (0)

/* ---- the server's side ---- */

void reply_text(struct http_request *request, enum http_code code, const char *text, size_t len);

extern const struct http_limits usual_limits;

void server_start(struct http_limits limits);

void server_listen(const char *address, const char *certificate, const char *key);

void server_listen_small(const char *certificate, const char *key);

void server_start_plain(struct http_limits limits);

void server_stop(void);

/* ---- the client's side ---- */

struct client client_of(int fd, const struct sockaddr *address, socklen_t len);

struct client client_connect(void);

/* Its socket buffers little. */
struct client client_connect_small(void);

/* Takes some of what has come: how many bytes, 0: the end, -1: nothing is there now. */
typedef int take_fn(void *context, char *bytes, int max);

/* Takes so many bytes in a second, until the end or until it has so many; how many these are. */
size_t take_steadily(take_fn *take, void *context, int64_t bytes_per_s, size_t enough);

void client_close(struct client *client);

/* All of it, with the server taking what it takes; false if the server has closed. */
bool client_send_bytes(struct client *client, const char *bytes, size_t len);

void client_send(struct client *client, const char *text);

bool has_text(struct client *client, const char *text);

bool has_ended(struct client *client);

/* Where the reply at the start of the input ends; 0 while it is not complete. */
size_t reply_end(const struct client *client, bool of_head);

bool has_reply(struct client *client, bool of_head);

struct reply {
    int code;
    char head[2048];
    char body[2048];
};

struct reply take_reply(struct client *client, bool of_head);

struct reply ask(struct client *client, const char *text);

bool head_has(const struct reply *reply, const char *line);

int open_descriptors(void);

#endif
