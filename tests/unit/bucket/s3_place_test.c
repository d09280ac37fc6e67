#include "src/bucket/s3_place.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct s3_place place;
static struct error err;

static enum status init(const char *server, bool path_style)
{
    return s3_place_init(&place, server, "nightly", "shop/a", path_style, &err);
}

Test(s3_place, has_the_bucket_in_the_path)
{
    char path[S3_PATH_SIZE];

    cr_assert(eq(int, (int)init("http://10.0.0.1:9000/", true), (int)STATUS_OK));

    cr_expect(eq(str, place.origin, "http://10.0.0.1:9000"));
    cr_expect(eq(str, place.host, "10.0.0.1:9000"));
    cr_expect(
        eq(int, (int)s3_place_path(&place, "data/00/x", path, sizeof(path), &err), (int)STATUS_OK));
    cr_expect(eq(str, path, "/nightly/shop/a/data/00/x"));
    cr_expect(eq(int, (int)s3_place_path(&place, NULL, path, sizeof(path), &err), (int)STATUS_OK));
    cr_expect(eq(str, path, "/nightly"));
}

Test(s3_place, has_the_bucket_in_the_name_of_the_host)
{
    char path[S3_PATH_SIZE];

    cr_assert(eq(int, (int)init("https://s3.example.com:443", false), (int)STATUS_OK));

    cr_expect(eq(str, place.origin, "https://nightly.s3.example.com"));
    cr_expect(eq(str, place.host, "nightly.s3.example.com"));
    cr_expect(
        eq(int, (int)s3_place_path(&place, "config", path, sizeof(path), &err), (int)STATUS_OK));
    cr_expect(eq(str, path, "/shop/a/config"));
    cr_expect(eq(int, (int)s3_place_path(&place, NULL, path, sizeof(path), &err), (int)STATUS_OK));
    cr_expect(eq(str, path, "/"));
}

Test(s3_place, is_https_unless_it_says_otherwise)
{
    cr_assert(eq(int, (int)init("[::1]:9000", true), (int)STATUS_OK));
    cr_expect(eq(str, place.origin, "https://[::1]:9000"));
    cr_assert(eq(int, (int)init("http://s3:80", true), (int)STATUS_OK));
    cr_expect(eq(str, place.origin, "http://s3"));
}

Test(s3_place, refuses_what_is_no_server)
{
    static const char *const servers[] = {"",           "https://",           "ftp://x",
                                          "http://a b", "http://u@host",      "http://host/path",
                                          "host?x",     "http://host\r\nx: y"};
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
        cr_expect(eq(int, (int)init(servers[i], true), (int)STATUS_INVALID), "%s", servers[i]);
}

Test(s3_place, refuses_a_bucket_or_prefix_that_would_lead_elsewhere)
{
    cr_expect(
        eq(int, (int)s3_place_init(&place, "host", "../x", "", true, &err), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)s3_place_init(&place, "host", "b", "a/../x", true, &err),
                 (int)STATUS_INVALID));
}
