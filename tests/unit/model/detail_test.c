#include "model/detail.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static void expect_clean(const char *bytes, size_t len, size_t max, const char *expected)
{
    CLEANUP(freep) char *text = detail_clean_text(bytes, len, max);
    cr_expect(eq(str, text, (char *)expected));
    json_auto_t *json = json_string(text);
    cr_expect(ne(ptr, json, NULL), "not UTF-8: '%s'", text);
}

static const char *member(const json_t *details, size_t index, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(details, index), name));
    return text == NULL ? "(absent)" : text;
}

Test(detail_clean_text, keeps_what_is_text)
{
    expect_clean("", 0, 10, "");
    expect_clean("plain", 5, 10, "plain");
    expect_clean("\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xb5", 9, 10,
                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xb5");
}

Test(detail_clean_text, counts_characters_and_cuts_between_them)
{
    expect_clean("\xc3\xa4\xc3\xa4\xc3\xa4", 6, 2, "\xc3\xa4\xc3\xa4");
    expect_clean("abc", 3, 0, "");
    expect_clean("a\xe2\x82\xac", 4, 1, "a");
}

Test(detail_clean_text, replaces_each_byte_that_is_no_character)
{
    expect_clean("a\xff"
                 "b",
                 3, 10, "a?b");
    expect_clean("\xc3", 1, 10, "?");                /* cut off */
    expect_clean("\xe2\x82", 2, 10, "??");           /* cut off */
    expect_clean("\xc0\xaf", 2, 10, "??");           /* overlong */
    expect_clean("\xe0\x80\xaf", 3, 10, "???");      /* overlong */
    expect_clean("\xed\xa0\x80", 3, 10, "???");      /* surrogate */
    expect_clean("\xf4\x90\x80\x80", 4, 10, "????"); /* above U+10FFFF */
    expect_clean("\xf0\x9f\x8d"
                 "x",
                 4, 10, "???x"); /* third byte is missing */
    expect_clean("a\0b", 3, 10, "a?b");
}

Test(detail_clean_text, replaces_what_a_terminal_obeys)
{
    expect_clean("\033[31mred\a\x7f", 10, 99, "?[31mred??");
    expect_clean("a\nb\tc\0d", 7, 99, "a\nb\tc?d");
    expect_clean("\xc2\x9b"
                 "31m",
                 5, 99, "?31m"); /* U+009B begins a control sequence */
    expect_clean("\xe2\x80\xae"
                 "txt\xe2\x81\xa9",
                 9, 99, "?txt?");                        /* U+202E, U+2069 */
    expect_clean("\xe2\x80\x94", 3, 99, "\xe2\x80\x94"); /* a dash is none */
}

Test(detail_add, keeps_a_detail_on_its_line)
{
    json_auto_t *details = json_array();
    detail_add(details, REASON_HOOK_FAILED, "A title", "one\ntwo\033[0m", NULL);
    const char *text = json_string_value(json_object_get(json_array_get(details, 0), "detail"));
    cr_assert(text != NULL);
    cr_expect(eq(str, (char *)(uintptr_t)text, "one two?[0m"));
}

Test(detail_clean_text, gives_valid_text_for_every_pair_of_bytes)
{
    for (int pair = 0; pair < 65536; pair++) {
        const char bytes[] = {(char)(pair >> 8), (char)(pair & 255)};
        CLEANUP(freep) char *text = detail_clean_text(bytes, sizeof(bytes), 2);
        json_auto_t *json = json_string(text);
        cr_assert(ne(ptr, json, NULL), "%04x", pair);
    }
}

Test(detail_add, writes_the_closed_entry_of_the_api)
{
    json_auto_t *details = json_array();

    detail_add(details, REASON_HOOK_FAILED, "Hook failed", "exit code 3", NULL);

    CLEANUP(freep) char *text = json_dumps(details, JSON_COMPACT);
    cr_expect(eq(str, text,
                 "[{\"type\":\"https://appbackup.invalid/reasons/hook_failed\","
                 "\"title\":\"Hook failed\",\"detail\":\"exit code 3\"}]"));
}

Test(detail_add, takes_the_additional_details)
{
    json_auto_t *details = json_array();

    detail_add(details, REASON_HOOK_FAILED, "t", "d", json_pack("{s:i}", "exitCode", 3));

    const json_t *additional = json_object_get(json_array_get(details, 0), "additionalDetails");
    cr_expect(eq(int, (int)json_integer_value(json_object_get(additional, "exitCode")), 3));
    cr_expect(eq(sz, additional->refcount, 1));
}

Test(detail_add, cuts_each_text_to_the_limit_of_the_schema)
{
    json_auto_t *details = json_array();
    char text[2 * DETAIL_TEXT_MAX + 1];
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof(text) - 1] = '\0';

    detail_add(details, REASON_HOOK_FAILED, text, text, NULL);

    cr_expect(eq(sz, strlen(member(details, 0, "title")), 2 * DETAIL_TITLE_MAX));
    cr_expect(eq(sz, strlen(member(details, 0, "detail")), 2 * DETAIL_TEXT_MAX));
}

Test(detail_add, has_a_text_where_none_is_given)
{
    json_auto_t *details = json_array();

    detail_add(details, REASON_HOOK_FAILED, "", "", NULL);

    cr_expect(eq(str, (char *)member(details, 0, "title"), "unknown"));
    cr_expect(eq(str, (char *)member(details, 0, "detail"), "unknown"));
}

Test(detail_add, adds_an_equal_entry_once)
{
    json_auto_t *details = json_array();

    detail_add(details, REASON_HOOK_FAILED, "t", "d", NULL);
    detail_add(details, REASON_HOOK_FAILED, "t", "d", NULL);
    detail_add(details, REASON_HOOK_FAILED, "t", "other", NULL);

    cr_expect(eq(sz, json_array_size(details), 2));
}

Test(detail_add, stops_at_the_limit)
{
    json_auto_t *details = json_array();

    for (int i = 0; i < DETAILS_MAX + 10; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", i);
        detail_add(details, REASON_HOOK_FAILED, "t", text, json_object());
    }

    cr_expect(eq(sz, json_array_size(details), DETAILS_MAX));
    cr_expect(eq(str, (char *)member(details, DETAILS_MAX - 1, "detail"), "63"));
}

Test(detail_add_error, says_what_failed_and_why)
{
    json_auto_t *details = json_array();
    struct error err = {0};
    error_set_reason(&err, STATUS_UNAVAILABLE, REASON_BUCKET_UNREACHABLE, "put 'x': \xff gone");

    detail_add_error(details, "upload", &err);

    cr_expect(eq(str, (char *)member(details, 0, "type"),
                 "https://appbackup.invalid/reasons/bucket_unreachable"));
    cr_expect(eq(str, (char *)member(details, 0, "title"), "upload failed"));
    cr_expect(eq(str, (char *)member(details, 0, "detail"), "put 'x': ? gone"));
}

Test(detail_add_reason, adds_bounded_unique_strings)
{
    json_auto_t *reasons = json_array();
    char text[DETAIL_REASON_MAX + 10];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';

    detail_add_reason(reasons, "waiting for a worker");
    detail_add_reason(reasons, "waiting for a worker");
    detail_add_reason(reasons, text);
    detail_add_reason(reasons, "");

    cr_assert(eq(sz, json_array_size(reasons), 3));
    cr_expect(
        eq(str, (char *)json_string_value(json_array_get(reasons, 0)), "waiting for a worker"));
    cr_expect(eq(sz, json_string_length(json_array_get(reasons, 1)), DETAIL_REASON_MAX));
    cr_expect(eq(str, (char *)json_string_value(json_array_get(reasons, 2)), "unknown"));
}
