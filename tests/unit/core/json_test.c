#include "core/json.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static struct error err;

static json_t *read_json(const char *text)
{
    json_t *json = NULL;
    cr_assert(eq(int, (int)json_read(text, strlen(text), &json, &err), STATUS_OK), "%s", err.text);
    return json;
}

Test(json_read, reads_any_value_and_writes_it_compactly)
{
    static const char *const texts[] = {"{\"b\":1,\"a\":[true,null,-2.5,\"x\\n\"]}", "[]",
                                        "\"text\"", "7", "null"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_auto_t *json = read_json(texts[i]);
        CLEANUP(freep) char *written = json_write(json);
        cr_expect(eq(str, written, (char *)texts[i]), "keys keep their order");
    }
}

Test(json_write, escapes_as_jansson_does)
{
    json_auto_t *json =
        json_pack("[{}, [], f, {s:s%, s:[s, n]}, I]", 0.1, "\x7f \"\\/\b\f\n\r\t\x1f", "\0é\u2028",
                  (size_t)6, "\x01", "", (json_int_t)INT64_MIN);
    CLEANUP(freep) char *expected = json_dumps(json, JSON_COMPACT);

    CLEANUP(freep) char *written = json_write(json);

    cr_assert(json != NULL);
    cr_expect(eq(str, written, expected));
}

Test(json_add, stops_at_the_limit_of_the_buffer)
{
    json_auto_t *json = read_json("{\"a\":[\"0123456789\"]}");
    CLEANUP(buffer_done) struct buffer buffer;
    buffer_init(&buffer, 10);

    cr_expect(eq(int, (int)json_add(&buffer, json, &err), STATUS_TOO_LARGE));
}

Test(json_read, does_not_read_past_the_length)
{
    json_auto_t *json = NULL;
    cr_expect(eq(int, (int)json_read("12garbage", 2, &json, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, (int)json_integer_value(json), 12));
}

Test(json_read, refuses_what_is_not_strict_json_and_says_where)
{
    static const char *const wrong[] = {
        "",        "{",        "{} {}",    "{\"a\":1,\"a\":2}", "{\"a\":1,}",  "[1,]",
        "{'a':1}", "nul",      "\"\xff\"", "\"\\ud800\"",       "\"\\u0000\"", "01",
        "1e400",   "[\"\n\"]", "/**/1",    "{\"a\"}",           "\"open"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        json_t *json = NULL;
        cr_expect(eq(int, (int)json_read(wrong[i], strlen(wrong[i]), &json, &err), STATUS_INVALID),
                  "%s", wrong[i]);
        cr_expect(strstr(err.text, "line 1") != NULL || strstr(err.text, "line 2") != NULL, "%s",
                  err.text);
        cr_expect(eq(ptr, json, NULL));
    }
}

Test(json_read, bears_deep_nesting)
{
    static char deep[1 << 20];
    memset(deep, '[', sizeof(deep));
    json_t *json = NULL;

    cr_expect(eq(int, (int)json_read(deep, sizeof(deep), &json, &err), STATUS_INVALID));
}

Test(json_get, gives_fields_of_the_right_type)
{
    json_auto_t *json = read_json("{\"name\":\"daily\",\"size\":-7}");
    const char *text = NULL;
    int64_t number = 0;

    cr_assert(eq(int, (int)json_get_text(json, "name", &text, &err), STATUS_OK));
    cr_expect(eq(str, (char *)text, "daily"));
    cr_assert(eq(int, (int)json_get_integer(json, "size", &number, &err), STATUS_OK));
    cr_expect(eq(i64, number, -7));
    cr_assert(eq(int, (int)json_get_optional_text(json, "name", &text, &err), STATUS_OK));
    cr_expect(eq(str, (char *)text, "daily"));
    cr_assert(eq(int, (int)json_get_optional_text(json, "none", &text, &err), STATUS_OK));
    cr_expect(eq(ptr, (void *)text, NULL));
}

Test(json_get, names_the_field_that_is_missing_or_wrong)
{
    static const struct {
        const char *json, *type;
    } rows[] = {
        {"{\"f\":{}}", "an object"}, {"{\"f\":[]}", "an array"},    {"{\"f\":1}", "a number"},
        {"{\"f\":1.5}", "a number"}, {"{\"f\":true}", "a boolean"}, {"{\"f\":false}", "a boolean"},
        {"{\"f\":null}", "null"},    {"{\"f\":\"x\"}", "a string"},
    };

    const char *text = "unchanged";
    int64_t number = 5;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_auto_t *json = read_json(rows[i].json);
        bool is_text = strcmp(rows[i].type, "a string") == 0;
        bool is_integer = strcmp(rows[i].json, "{\"f\":1}") == 0;
        if (!is_text) {
            cr_expect(eq(int, (int)json_get_text(json, "f", &text, &err), STATUS_INVALID));
            cr_expect(strstr(err.text, "'f' must be a string, not ") == err.text);
            cr_expect(strstr(err.text, rows[i].type) != NULL, "%s", err.text);
            cr_expect(eq(int, (int)json_get_optional_text(json, "f", &text, &err), STATUS_INVALID));
        }
        if (!is_integer) {
            cr_expect(eq(int, (int)json_get_integer(json, "f", &number, &err), STATUS_INVALID));
            cr_expect(strstr(err.text, rows[i].type) != NULL, "%s", err.text);
        }
        cr_expect(eq(int, (int)json_get_text(json, "g", &text, &err), STATUS_INVALID));
        cr_expect(eq(str, err.text, "'g' is required"));
        cr_expect(eq(int, (int)json_get_integer(json, "g", &number, &err), STATUS_INVALID));
        cr_expect(eq(str, err.text, "'g' is required"));
    }
    cr_expect(eq(str, (char *)text, "unchanged"));
    cr_expect(eq(i64, number, 5));
}

Test(json_refuse_unknown, names_the_first_stranger)
{
    static const char *const known[] = {"a", "b", NULL};
    json_auto_t *good = read_json("{\"b\":1,\"a\":2}");
    json_auto_t *bad = read_json("{\"a\":1,\"A\":2,\"z\":3}");

    cr_expect(eq(int, (int)json_refuse_unknown(good, known, &err), STATUS_OK));
    cr_expect(eq(int, (int)json_refuse_unknown(bad, known, &err), STATUS_INVALID));
    cr_expect(strstr(err.text, "'A'") != NULL, "%s", err.text);
}
