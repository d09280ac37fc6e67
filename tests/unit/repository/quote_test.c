#include "src/repository/quote.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *bytes, *name, *json;
} cases[] = {
    {"", "\"\"", "\"\""},
    {"plain.txt", "\"plain.txt\"", "\"plain.txt\""},
    {"quo\"te\\back", "\"quo\\\\\\\"te\\\\\\\\back\"", "\"quo\\\"te\\\\back\""},
    {"it's", "\"it's\"", "\"it's\""},
    {"a\a\b\f\n\r\t\v", "\"a\\\\a\\\\b\\\\f\\\\n\\\\r\\\\t\\\\v\"",
     "\"a\\u0007\\u0008\\u000c\\n\\r\\t\\u000b\""},
    {"\x01\x1f\x7f", "\"\\\\x01\\\\x1f\\\\x7f\"", "\"\\u0001\\u001f\x7f\""},
    {"<a&b>", "\"\\u003ca\\u0026b\\u003e\"", "\"\\u003ca\\u0026b\\u003e\""},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {"\xff", "\"\\\\xff\"", "\"\\ufffd\""},
    {"a\xc3", "\"a\\\\xc3\"", "\"a\\ufffd\""},
    {"\xc0\xaf", "\"\\\\xc0\\\\xaf\"", "\"\\ufffd\\ufffd\""},                   /* overlong */
    {"\xed\xa0\x80", "\"\\\\xed\\\\xa0\\\\x80\"", "\"\\ufffd\\ufffd\\ufffd\""}, /* surrogate */
    {"\xf4\x90\x80\x80", "\"\\\\xf4\\\\x90\\\\x80\\\\x80\"", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    {"\xef\xbf\xbd", "\"\xef\xbf\xbd\"", "\"\xef\xbf\xbd\""}, /* U+FFFD */
    {"\xe2\x80\xa8\xe2\x80\xa9", "\"\\\\u2028\\\\u2029\"", "\"\\u2028\\u2029\""},
    {"\xc2\xa0", "\"\\\\u00a0\"", "\"\xc2\xa0\""}, /* nbsp */
    {"\xc2\xad", "\"\\\\u00ad\"", "\"\xc2\xad\""}, /* soft hyphen */
    {"\xe2\x80\x8b", "\"\\\\u200b\"", "\"\xe2\x80\x8b\""},
    {"\xee\x80\x80", "\"\\\\ue000\"", "\"\xee\x80\x80\""}, /* private use */
    {"\xf3\xa0\x80\x81", "\"\\\\U000e0001\"", "\"\xf3\xa0\x80\x81\""},
};

Test(quote_name, follows_the_table)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        size_t len = strlen(cases[i].bytes);
        char *end = quote_name(text, cases[i].bytes, len);
        *end = '\0';
        cr_expect(eq(str, text, (char *)cases[i].name));
        cr_expect(le(sz, (size_t)(end - text), QUOTED_MAX(len)));
    }
}

Test(quote_json, follows_the_table)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        size_t len = strlen(cases[i].bytes);
        char *end = quote_json(text, cases[i].bytes, len);
        *end = '\0';
        cr_expect(eq(str, text, (char *)cases[i].json));
        cr_expect(le(sz, (size_t)(end - text), QUOTED_MAX(len)));
    }
}

Test(quote_is_lossless, is_true_for_utf8_alone)
{
    cr_expect(quote_is_lossless("", 0));
    cr_expect(quote_is_lossless("\xc3\xa4/b\x01", 5));
    cr_expect(not(quote_is_lossless("a\xff", 2)));
}

/* Undoes the second layer for what quote_name() writes: \\ \" \uXXXX. */
static size_t undo_json(const char *text, size_t len, char *to)
{
    size_t n = 0;
    for (size_t i = 1; i + 1 < len; i++) {
        if (text[i] != '\\') {
            to[n++] = text[i];
        } else if (text[i + 1] == 'u') {
            char digits[5] = {text[i + 2], text[i + 3], text[i + 4], text[i + 5], '\0'};
            to[n++] = (char)strtoul(digits, NULL, 16);
            i += 5;
        } else {
            to[n++] = text[++i];
        }
    }
    return n;
}

Test(unquote, brings_back_any_bytes)
{
    srand(7);
    for (int round = 0; round < 3000; round++) {
        char bytes[64], quoted[QUOTED_MAX(64)], text[QUOTED_MAX(64)];
        size_t len = (size_t)rand() % sizeof(bytes), got = 0;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(rand() % (round % 2 ? 256 : 128));
        char *end = quote_name(quoted, bytes, len);
        size_t text_len = undo_json(quoted, (size_t)(end - quoted), text);

        cr_assert(unquote(text, text_len, &got));

        cr_assert(eq(sz, got, len));
        cr_assert(memcmp(text, bytes, len) == 0);
    }
}

Test(unquote, accepts_any_of_gos_escapes)
{
    char text[] = "\\101\\x42\\u0043\\U00000044\\n\\\\\\\"\\377";
    size_t len = 0;
    cr_assert(unquote(text, strlen(text), &len));
    cr_assert(eq(sz, len, (size_t)8));
    cr_assert(memcmp(text, "ABCD\n\\\"\xff", 8) == 0);
}

Test(unquote, refuses_what_go_refuses)
{
    static const char *const bad[] = {"\\",      "\\q",         "\\x4",  "\\xg0",      "\\u12",
                                      "\\ud800", "\\U0011ffff", "\\400", "\\18",       "a\"b",
                                      "\\'",     "a\nb",        "\\0",   "\\Uffffffff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[32];
        size_t len = 0;
        (void)snprintf(text, sizeof(text), "%s", bad[i]);
        cr_expect(not(unquote(text, strlen(text), &len)), "%s", bad[i]);
    }
}
