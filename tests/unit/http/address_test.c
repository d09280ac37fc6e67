#include "src/http/address.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Test(address_parse, reads_ipv4)
{
    struct address address;
    struct error err = {0};

    cr_assert(address_parse("127.0.0.1:8080", &address, &err) == STATUS_OK);

    cr_assert(eq(int, address.socket.any.sa_family, AF_INET));
    cr_assert(eq(u16, ntohs(address.socket.v4.sin_port), 8080));
    cr_assert(eq(u32, ntohl(address.socket.v4.sin_addr.s_addr), INADDR_LOOPBACK));
}

Test(address_parse, reads_ipv6_in_brackets)
{
    struct address address;
    struct error err = {0};

    cr_assert(address_parse("[::1]:0", &address, &err) == STATUS_OK);

    cr_assert(eq(int, address.socket.any.sa_family, AF_INET6));
    cr_assert(eq(u16, address.socket.v6.sin6_port, 0));
    cr_assert(memcmp(&address.socket.v6.sin6_addr, &in6addr_loopback, 16) == 0);
}

Test(address_parse, reads_a_path)
{
    struct address address;
    struct error err = {0};

    cr_assert(address_parse("unix:/run/appbackup/api.sock", &address, &err) == STATUS_OK);

    cr_assert(eq(int, address.socket.any.sa_family, AF_UNIX));
    cr_assert(eq(str, address.socket.local.sun_path, "/run/appbackup/api.sock"));
}

Test(address_parse, refuses_everything_else)
{
    static const char *const bad[] = {
        "",
        ":",
        "8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1: 80",
        "127.0.0.1:8080x",
        "127.0.0.1:000080",
        "localhost:80",
        "::1:80",
        "[::1]",
        "[::1:80",
        "[]:80",
        "unix:",
        "unix:relative",
        "1.2.3.4.5:80",
        "1111111111111111111111111111111111111111111111111111111111111111:80",
        "unix:/"
        "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "012345678901234567"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct address address;
        struct error err = {0};
        cr_expect(eq(int, (int)address_parse(bad[i], &address, &err), (int)STATUS_INVALID), "%s",
                  bad[i]);
    }
}

/* ---- sockets that somebody else has opened ---- */

static int listening_at(const char *text)
{
    struct address address;
    struct error err = {0};
    int fd = -1;
    cr_assert(eq(int, (int)address_parse(text, &address, &err), (int)STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)address_listen(&address, &fd, &err), (int)STATUS_OK), "%s", err.text);
    return fd;
}

static bool is_of(const char *text, int fd)
{
    struct address address;
    struct error err = {0};
    bool is = false;
    cr_assert(eq(int, (int)address_parse(text, &address, &err), (int)STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)address_is_of(&address, fd, &is, &err), (int)STATUS_OK), "%s", err.text);
    return is;
}

Test(address_is_of, tells_whose_socket_it_is)
{
    struct scratch scratch;
    scratch_open(&scratch);
    char path[128], other[128], v4[32], v6[32];
    (void)snprintf(path, sizeof(path), "unix:%s", scratch_path(&scratch, "a.sock"));
    (void)snprintf(other, sizeof(other), "unix:%s", scratch_path(&scratch, "b.sock"));
    int local = listening_at(path);
    int v4_fd = listening_at("127.0.0.1:0");
    int v6_fd = listening_at("[::1]:0");
    struct address own = {.len = sizeof(own.socket)};
    cr_assert(getsockname(v4_fd, &own.socket.any, &own.len) == 0);
    (void)snprintf(v4, sizeof(v4), "127.0.0.1:%u", ntohs(own.socket.v4.sin_port));
    own.len = sizeof(own.socket);
    cr_assert(getsockname(v6_fd, &own.socket.any, &own.len) == 0);
    (void)snprintf(v6, sizeof(v6), "[::1]:%u", ntohs(own.socket.v6.sin6_port));

    cr_expect(is_of(path, local));
    cr_expect(not(is_of(other, local)));
    cr_expect(is_of(v4, v4_fd));
    cr_expect(not(is_of("127.0.0.1:1", v4_fd)));
    cr_expect(not(is_of("0.0.0.0:1", v4_fd)));
    cr_expect(is_of(v6, v6_fd));
    cr_expect(not(is_of(v4, v6_fd)));
    cr_expect(not(is_of(path, v4_fd)));
    (void)close(local);
    (void)close(v4_fd);
    (void)close(v6_fd);
    scratch_close(&scratch);
}

Test(address_is_of, refuses_what_does_not_listen)
{
    struct address address;
    struct error err = {0};
    bool is = false;
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cr_assert(eq(int, (int)address_parse("127.0.0.1:1", &address, &err), (int)STATUS_OK));

    cr_expect(eq(int, (int)address_is_of(&address, datagrams, &is, &err), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)address_is_of(&address, silent, &is, &err), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)address_is_of(&address, nothing, &is, &err), (int)STATUS_INVALID));
    (void)close(datagrams);
    (void)close(silent);
    (void)close(nothing);
}

Test(address_take_over, makes_a_socket_fit_for_a_loop)
{
    struct error err = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(eq(int, (int)address_take_over(fd, &err), (int)STATUS_OK));

    cr_expect(ne(int, fcntl(fd, F_GETFL) & O_NONBLOCK, 0));
    cr_expect(ne(int, fcntl(fd, F_GETFD) & FD_CLOEXEC, 0));
    (void)close(fd);
    cr_expect(ne(int, (int)address_take_over(fd, &err), (int)STATUS_OK));
}
