#include "src/http/address.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <arpa/inet.h>
#include <string.h>

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
