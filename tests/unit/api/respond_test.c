#include "src/api/respond.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static char text[RESPOND_LOCATION_SIZE];

Test(respond_write_location, is_the_url_as_the_caller_would_write_it)
{
    respond_write_location(false, "localhost:8080", "/a/b", text);
    cr_expect(eq(str, text, "http://localhost:8080/a/b"));

    respond_write_location(true, "[::1]:443", "/a/b", text);
    cr_expect(eq(str, text, "https://[::1]:443/a/b"));
}

Test(respond_write_location, is_the_path_alone_without_a_good_host)
{
    static const char *const bad[] = {"",          "evil/path", "user@host", "a b",
                                      "h\r\nX: y", "host?x",    "\xc3\xa4"};
    respond_write_location(false, NULL, "/a", text);
    cr_expect(eq(str, text, "/a"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        respond_write_location(true, bad[i], "/a", text);
        cr_expect(eq(str, text, "/a"), "%s", bad[i]);
    }
}

Test(respond_write_location, does_not_take_a_host_that_is_too_long)
{
    char host[RESPOND_HOST_MAX + 2];
    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';

    respond_write_location(true, host, "/a", text);

    cr_expect(eq(str, text, "/a"));
}
