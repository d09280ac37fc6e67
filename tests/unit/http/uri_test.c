#include "src/http/uri.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

/* Just as large as promised, so that the address sanitizer sees a byte too many. */
static char *text;

static bool parse(const char *target, struct uri *uri)
{
    free(text);
    text = malloc(uri_text_size(strlen(target)));
    return uri_parse(target, text, uri);
}

static void forget(void)
{
    free(text);
}

Test(uri_parse, takes_path_segments_and_query_apart, .fini = forget)
{
    struct uri uri;

    cr_assert(parse("/accounts/a1/apps?limit=5&include=id,name", &uri));

    cr_assert(eq(str, (char *)uri.path, "/accounts/a1/apps"));
    cr_assert(eq(sz, uri.segment_count, 3));
    cr_assert(eq(str, (char *)uri.segments[1], "a1"));
    cr_assert(eq(sz, uri.query_count, 2));
    cr_assert(eq(str, (char *)uri.query[0].name, "limit"));
    cr_assert(eq(str, (char *)uri.query[0].value, "5"));
    cr_assert(eq(str, (char *)uri.query[1].value, "id,name"));
}

Test(uri_parse, skips_empty_segments, .fini = forget)
{
    struct uri uri;

    cr_assert(parse("//accounts//a1/", &uri));

    cr_assert(eq(str, (char *)uri.path, "//accounts//a1/"));
    cr_assert(eq(sz, uri.segment_count, 2));
    cr_assert(eq(str, (char *)uri.segments[0], "accounts"));
}

Test(uri_parse, decodes_a_slash_as_a_character, .fini = forget)
{
    struct uri uri;

    cr_assert(parse("/a%2Fb+c%20d", &uri));

    cr_assert(eq(sz, uri.segment_count, 1));
    cr_assert(eq(str, (char *)uri.segments[0], "a/b+c d"));
}

Test(uri_parse, reads_plus_as_a_space_in_the_query, .fini = forget)
{
    struct uri uri;

    cr_assert(parse("/?order+by=a+b%2Bc&&flag&=x", &uri));

    cr_assert(eq(sz, uri.query_count, 3));
    cr_assert(eq(str, (char *)uri.query[0].name, "order by"));
    cr_assert(eq(str, (char *)uri.query[0].value, "a b+c"));
    cr_assert(eq(str, (char *)uri.query[1].name, "flag"));
    cr_assert(eq(str, (char *)uri.query[1].value, ""));
    cr_assert(eq(str, (char *)uri.query[2].name, ""));
    cr_assert(eq(str, (char *)uri.query[2].value, "x"));
}

Test(uri_parse, takes_the_path_of_an_absolute_target, .fini = forget)
{
    struct uri uri;

    cr_assert(parse("http://example.com:80/a/b?x=1#end", &uri));

    cr_assert(eq(str, (char *)uri.path, "/a/b"));
    cr_assert(eq(sz, uri.segment_count, 2));
    cr_assert(eq(str, (char *)uri.query[0].value, "1"));
}

Test(uri_parse, refuses_what_is_malformed, .fini = forget)
{
    static const char *const bad[] = {
        "/%", "/%4", "/%4g", "/a%00b", "/?x=%zz", "/?%0=1", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q"};
    struct uri uri;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect(not(parse(bad[i], &uri)), "%s", bad[i]);
        cr_expect(eq(sz, uri.segment_count, 0));
        cr_expect(eq(sz, uri.query_count, 0));
    }
}

Test(uri_parse, holds_as_many_pairs_as_promised_and_no_more, .fini = forget)
{
    char target[256] = "/?";
    struct uri uri;
    for (int i = 0; i < HTTP_QUERY_MAX; i++)
        strcat(target, "a=b&");

    cr_assert(parse(target, &uri));
    cr_assert(eq(sz, uri.query_count, HTTP_QUERY_MAX));
    strcat(target, "c");
    cr_assert(not(parse(target, &uri)));
}

Test(uri_parse, stays_within_the_promised_text, .fini = forget)
{
    static const char *const tight[] = {
        "",       "/",     "*",       "a",         "a/b", "/a", "?", "?=", "/a/b?c=d&e=f",
        "/?&=&=", "a/b?c", "http://", "http://h?q"};
    struct uri uri;

    for (size_t i = 0; i < sizeof(tight) / sizeof(tight[0]); i++)
        cr_expect(parse(tight[i], &uri), "%s", tight[i]);
}
