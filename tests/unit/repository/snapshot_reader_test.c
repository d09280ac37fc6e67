#include "src/repository/snapshot_file.h"
#include "tests/support/repository_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TIME "\"time\":\"2023-11-14T22:13:20Z\""
#define BARE "\"tree\":\"" TREE "\"," TIME

/* What is left of a snapshot after the callback. */
struct told {
    bool seen;
    struct timespec time;
    uint64_t bytes, directories;
    bool tells_bytes, has_parent;
    char tags[512]; /* each behind a '|' */
    char paths[64];
    char host[256];
    size_t host_len;
};

static struct error err;

static void join(char *to, size_t size, const char *const *list)
{
    size_t used = 0;
    for (; *list != NULL && used < size; list++)
        used += (size_t)snprintf(to + used, size - used, "|%s", *list);
}

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *e)
{
    struct told *told = context;
    (void)e;
    told->seen = true;
    told->time = snapshot->time;
    told->bytes = snapshot->bytes;
    told->directories = snapshot->directories;
    told->tells_bytes = snapshot->tells_bytes;
    told->has_parent = snapshot->has_parent;
    join(told->tags, sizeof(told->tags), snapshot->tags);
    join(told->paths, sizeof(told->paths), snapshot->paths);
    if (snapshot->hostname != NULL) {
        told->host_len = strlen(snapshot->hostname);
        (void)snprintf(told->host, sizeof(told->host), "%s", snapshot->hostname);
    }
    return STATUS_OK;
}

static enum status read_bytes(const char *text, size_t len, struct told *told)
{
    const struct blob_id id = {{0}};
    *told = (struct told){.seen = false};
    err = (struct error){.status = STATUS_OK};
    return snapshot_file_read(text, len, &id, on_snapshot, told, &err);
}

/* One that has these members, too. */
static struct told read_with(const char *members)
{
    struct told told;
    char text[4096];
    int len =
        snprintf(text, sizeof(text), "{" BARE "%s%s}", members[0] == '\0' ? "" : ",", members);
    cr_assert(lt(int, len, (int)sizeof(text)));
    cr_assert(eq(int, (int)read_bytes(text, (size_t)len, &told), (int)STATUS_OK), "%s: %s", members,
              err.text);
    cr_assert(told.seen);
    return told;
}

static void expect_none(const char *text, const char *why)
{
    struct told told;
    cr_expect(eq(int, (int)read_bytes(text, strlen(text), &told), (int)STATUS_CORRUPT), "%s", text);
    cr_expect(not(told.seen), "%s", text);
    cr_expect(strstr(err.text, why) != NULL, "%s: %s", text, err.text);
}

Test(snapshot_file_read, takes_any_date)
{
    static const struct {
        const char *time;
        int64_t seconds;
        long nanoseconds;
    } cases[] = {
        {"1960-01-01T00:00:00Z", -315619200, 0},
        {"0001-01-01T00:00:00Z", -62135596800, 0},
        {"9999-12-31T23:59:59-23:59", 253402300799 + 86340, 0},
        {"2023-11-14T22:13:20.5+02:00", 1700000000 - 7200, 500000000},
        {"2023-11-14T22:13:20.1234567890123456789Z", 1700000000, 123456789},
        {"2023-11-14T22:13:20.000000001-11:30", 1700000000 + 41400, 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct told told;
        char text[256];
        int len =
            snprintf(text, sizeof(text), "{\"tree\":\"" TREE "\",\"time\":\"%s\"}", cases[i].time);
        cr_assert(eq(int, (int)read_bytes(text, (size_t)len, &told), (int)STATUS_OK), "%s: %s",
                  cases[i].time, err.text);
        cr_expect(eq(i64, (int64_t)told.time.tv_sec, cases[i].seconds), "%s", cases[i].time);
        cr_expect(eq(long, told.time.tv_nsec, cases[i].nanoseconds), "%s", cases[i].time);
    }
}

Test(snapshot_file_read, takes_any_size)
{
    static const struct {
        const char *value;
        bool known;
        uint64_t bytes;
    } cases[] = {
        {"0", true, 0},
        {"9007199254740993", true, UINT64_C(9007199254740993)},
        {"18446744073709551615", true, UINT64_MAX},
        {"99999999999999999999999999", true, UINT64_MAX},
        {"-5", false, 0},
        {"1.5", false, 0},
        {"1e400", false, 0},
        {"\"many\"", false, 0},
        {"null", false, 0},
        {"{\"a\":[1]}", false, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char members[128];
        (void)snprintf(members, sizeof(members), "\"summary\":{\"total_bytes_processed\":%s}",
                       cases[i].value);
        struct told told = read_with(members);
        cr_expect(told.tells_bytes == cases[i].known, "%s", cases[i].value);
        cr_expect(eq(u64, told.bytes, cases[i].bytes), "%s", cases[i].value);
    }
    cr_expect(not(read_with("").tells_bytes));
    cr_expect(not(read_with("\"summary\":null").tells_bytes));
    cr_expect(not(read_with("\"summary\":[1]").tells_bytes));
    cr_expect(eq(
        u64,
        read_with("\"summary\":{\"dirs_new\":18446744073709551615,\"dirs_changed\":2}").directories,
        UINT64_MAX));
}

Test(snapshot_file_read, takes_any_text_and_ends_none_early)
{
    cr_expect(eq(str, read_with("\"hostname\":\"a\\u0001\\tb\"").host, "a\x01\tb"));
    cr_expect(eq(str, read_with("\"hostname\":\"a\\u0000b\"").host, "a?b"));
    cr_expect(eq(str, read_with("\"hostname\":\"\\ud800x\"").host, "\xef\xbf\xbdx"));
    cr_expect(eq(str, read_with("\"hostname\":\"\xff\xc3\xa4\"").host, "?\xc3\xa4"));
    cr_expect(eq(str, read_with("\"hostname\":7").host, ""));
    cr_expect(
        eq(str, read_with("\"tags\":[\"backup=1\\u0000 or not\"]").tags, "|backup=1? or not"));
}

Test(snapshot_file_read, takes_a_text_of_any_length)
{
    enum { LENGTH = 64 * 1024 };

    struct told told;
    char *text = NULL;
    int len = asprintf(&text, "{\"hostname\":\"%*s\"," BARE "}", LENGTH, "h");
    cr_assert(lt(int, LENGTH, len));
    cr_expect(eq(int, (int)read_bytes(text, (size_t)len, &told), (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(sz, told.host_len, (size_t)LENGTH));
    free(text);
}

Test(snapshot_file_read, takes_all_tags_and_nothing_else_for_one)
{
    char members[1024] = "\"tags\":[";
    for (int i = 0; i < 40; i++)
        (void)snprintf(members + strlen(members), sizeof(members) - strlen(members), "\"x\",");
    (void)snprintf(members + strlen(members), sizeof(members) - strlen(members), "\"backup=1\"]");
    const struct told told = read_with(members);
    cr_expect(eq(sz, strlen(told.tags), 40 * strlen("|x") + strlen("|backup=1")));
    cr_expect(strstr(told.tags, "|backup=1") != NULL, "%s", told.tags);

    cr_expect(eq(str, read_with("\"tags\":[1,\"a\",null,[\"b\"],{\"c\":\"d\"}]").tags, "|a"));
    cr_expect(eq(str, read_with("\"tags\":null").tags, ""));
    cr_expect(eq(str, read_with("\"tags\":\"a\"").tags, ""));
    cr_expect(eq(str, read_with("\"tags\":[]").tags, ""));
}

Test(snapshot_file_read, passes_over_what_it_does_not_know)
{
    struct told told = read_with("\"original\":\"" TREE "\",\"uid\":1e9,\"x\":{\"tags\":[\"no\"]},"
                                 "\"program_version\":null,\"paths\":[\"/a\"]");
    cr_expect(eq(str, told.tags, ""));
    cr_expect(eq(str, told.paths, "|/a"));
    cr_expect(not(read_with("\"parent\":\"\"").has_parent));
    cr_expect(not(read_with("\"parent\":\"12\"").has_parent));
    cr_expect(read_with("\"parent\":\"" TREE "\"").has_parent);
}

Test(snapshot_file_read, believes_the_last_of_several_members)
{
    struct told told = read_with("\"tags\":[\"a\",\"b\"],\"tags\":[\"c\"]," TIME
                                 ",\"summary\":{\"total_bytes_processed\":1,"
                                 "\"total_bytes_processed\":2}");
    cr_expect(eq(str, told.tags, "|c"));
    cr_expect(eq(u64, told.bytes, (uint64_t)2));
    expect_none("{" BARE ",\"tree\":\"\"}", "'tree' is missing");
}

Test(snapshot_file_read, takes_nothing_that_is_no_snapshot)
{
    expect_none("", "JSON at byte 0");
    expect_none("[]", "JSON at byte 0");
    expect_none("{}", "'time' is missing");
    expect_none("{" TIME "}", "'tree' is missing");
    expect_none("{" TIME ",\"tree\":null}", "'tree' is missing");
    expect_none("{" TIME ",\"tree\":\"" TREE "0\"}", "'tree' is missing");
    expect_none("{\"tree\":\"" TREE "\",\"time\":1700000000}", "'time' is missing");
    expect_none("{\"tree\":\"" TREE "\",\"time\":\"yesterday\"}", "'time' is missing");
    expect_none("{" BARE "} {}", "more than one value");
    expect_none("{" BARE, "JSON at byte");
    expect_none("{" BARE ",\"hostname\":\"\\q\"}", "unknown escape");
    expect_none("{" BARE ",\"tags\":[\"a\"}", "JSON at byte");
}
