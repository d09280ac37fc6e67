#include "tests/support/redis_server.h"

#include "core/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MAX_MS = 20000, POLL_US = 10000, OPTIONS_MAX = 16 };

/* One PING by hand, so that the fixture needs no client library. */
static bool answers_ping(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval timeout = {.tv_sec = 2};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    char reply[8] = "";
    bool alive = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                 send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
                 recv(fd, reply, sizeof(reply) - 1, 0) > 0 && strncmp(reply, "+PONG", 5) == 0;
    if (fd >= 0)
        (void)close(fd);
    return alive;
}

static void run_server(const struct redis_server *server, const char *const *options)
{
    char log[80];
    (void)snprintf(log, sizeof(log), "%s/log", server->directory);
    const char *argv[20 + OPTIONS_MAX] = {"redis-server",
                                          "--port",
                                          "0",
                                          "--unixsocket",
                                          server->socket,
                                          "--dir",
                                          server->directory,
                                          "--logfile",
                                          log,
                                          "--save",
                                          "",
                                          "--appendonly",
                                          "yes",
                                          "--appendfsync",
                                          "always",
                                          "--daemonize",
                                          "no"};
    size_t argc = 17;
    for (size_t i = 0; options != NULL && options[i] != NULL && i < OPTIONS_MAX; i++)
        argv[argc++] = options[i];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no server */
    (void)close_range(3, ~0U, 0);
    (void)execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static void launch(struct redis_server *server, const char *const *options)
{
    server->pid = fork();
    cr_assert(ge(int, server->pid, 0), "fork: %s", strerror(errno));
    if (server->pid == 0)
        run_server(server, options);
    int64_t deadline_ms = clock_mono_ms() + START_MAX_MS;
    while (!answers_ping(server->socket)) {
        cr_assert(waitpid(server->pid, NULL, WNOHANG) == 0, "redis-server has ended; see %s/log",
                  server->directory);
        cr_assert(clock_mono_ms() < deadline_ms, "redis-server did not answer");
        (void)usleep(POLL_US);
    }
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

/* A test that fails or crashes does not come to redis_server_stop(): this process outlives it, sees
 * the pipe close, and removes the directory. The server itself dies with the test. */
static void start_cleaner(const struct redis_server *server)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    pid_t pid = fork();
    cr_assert(ge(int, pid, 0), "fork: %s", strerror(errno));
    if (pid > 0) {
        (void)close(ends[0]); /* the other end stays open as long as this process lives */
        return;
    }
    (void)dup2(ends[0], 0);
    (void)close_range(1, ~0U, 0);
    char byte;
    while (read(0, &byte, 1) < 0 && errno == EINTR)
        continue;
    (void)nftw(server->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    _exit(0);
}

void redis_server_start(struct redis_server *server, const char *const *options)
{
    *server = (struct redis_server){.directory = "/tmp/appbackup-redis-XXXXXX"};
    cr_assert(mkdtemp(server->directory) != NULL, "mkdtemp: %s", strerror(errno));
    start_cleaner(server);
    (void)snprintf(server->socket, sizeof(server->socket), "%s/s", server->directory);
    (void)snprintf(server->address, sizeof(server->address), "unix:%s", server->socket);
    launch(server, options);
}

void redis_server_restart(struct redis_server *server)
{
    launch(server, NULL);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid <= 0)
        return;
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void redis_server_freeze(struct redis_server *server)
{
    (void)kill(server->pid, SIGSTOP);
}

void redis_server_thaw(struct redis_server *server)
{
    (void)kill(server->pid, SIGCONT);
}

void redis_server_stop(struct redis_server *server)
{
    redis_server_kill(server);
    if (server->directory[0] != '\0')
        (void)nftw(server->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    server->directory[0] = '\0';
}
