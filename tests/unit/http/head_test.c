#include "src/http/head.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

/* Just as large as it is, so that the address sanitizer sees a byte too many. */
static char *text;

static bool parse(const char *bytes, size_t len, struct head *head)
{
    free(text);
    text = malloc(len);
    memcpy(text, bytes, len);
    return head_parse(text, len, head);
}

static void forget(void)
{
    free(text);
}

TestSuite(head, .fini = forget);

static enum head_scan scan(const char *bytes, size_t *scanned)
{
    return head_scan(bytes, strlen(bytes), scanned);
}

Test(head, is_found_at_its_empty_line_and_no_byte_behind)
{
    size_t scanned = 0;

    cr_assert(eq(int, scan("GET / HTTP/1.1\r\nX: y\r", &scanned), HEAD_PARTIAL));
    cr_assert(eq(sz, scanned, 16));
    cr_assert(eq(int, scan("GET / HTTP/1.1\r\nX: y\r\n\r", &scanned), HEAD_PARTIAL));
    cr_assert(eq(int, scan("GET / HTTP/1.1\r\nX: y\r\n\r\nrest", &scanned), HEAD_COMPLETE));
    cr_assert(eq(sz, scanned, 24));
}

Test(head, with_a_bare_line_feed_is_broken_wherever_it_is)
{
    static const char *const texts[] = {"\n", "\r\n", "GET\n", "GET\r\n\n", "GET\r\nX: y\nZ"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t scanned = 0;
        cr_expect(eq(int, scan(texts[i], &scanned), HEAD_BROKEN), "%zu", i);
    }
}

Test(head, gives_its_parts)
{
    static const char bytes[] = "POST /a?b HTTP/1.1\r\nHost: x\r\nEmpty:\r\nNote:\t la la \r\n"
                                "note: second\r\nContent-Length: 007\r\n\r\n";
    struct head head;

    cr_assert(parse(bytes, sizeof(bytes) - 1, &head));

    cr_expect(eq(int, head.method, HTTP_METHOD_POST));
    cr_expect(eq(uint, head.minor, 1));
    cr_expect(eq(str, (char *)head.target, "/a?b"));
    cr_expect(eq(sz, head.field_count, 5));
    cr_expect(eq(str, (char *)head_field(&head, "NOTE"), "la la"));
    cr_expect(eq(str, (char *)head_field(&head, "empty"), ""));
    cr_expect(eq(ptr, (void *)head_field(&head, "Not"), NULL));
    cr_expect(eq(u64, head.length, 7));
    cr_expect(head.has_length && !head.is_chunked && head.is_kept && !head.expects_continue);
}

Test(head, keeps_the_connection_as_version_and_words_say)
{
    static const struct {
        const char *text;
        bool is_kept;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: x,Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive , close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct head head;
        cr_assert(parse(cases[i].text, strlen(cases[i].text), &head), "%s", cases[i].text);
        cr_expect(eq(int, head.is_kept, cases[i].is_kept), "%s", cases[i].text);
    }
}

Test(head, has_the_largest_length_where_no_number_holds_it)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct head head;
        cr_assert(parse(texts[i], strlen(texts[i]), &head));
        cr_expect(eq(u64, head.length, UINT64_MAX), "%s", texts[i]);
    }
}

/* All of what is refused as a message is in tests/integration/http. */
Test(head, is_refused_where_it_has_two_meanings)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\rHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct head head;
        cr_expect(not(parse(texts[i], strlen(texts[i]), &head)), "%s", texts[i]);
    }
}
