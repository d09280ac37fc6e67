#include "src/ctl/complaints.h"

#include "core/buffer.h"
#include "core/cleanup.h"
#include "tests/support/reply.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

enum { REPLIES_MAX = 4, ASKED_SIZE = 256 };

/* What Redis says to the next calls, and how often and for what it was asked. */
static const char *replies[REPLIES_MAX];
static size_t call_count;
static char asked[REPLIES_MAX][ASKED_SIZE];
static struct error err;

enum status __wrap_store_run(struct store *store, const struct store_call *call,
                             redisReply **ret_reply, struct error *error);

enum status __wrap_store_run(struct store *store, const struct store_call *call,
                             redisReply **ret_reply, struct error *error)
{
    (void)store;
    cr_assert(call_count < REPLIES_MAX);
    const char *text = replies[call_count];
    (void)snprintf(asked[call_count], ASKED_SIZE, "%s %.*s", call->argv[1], 40, call->argv[3]);
    call_count++;
    if (text == NULL)
        return FAIL(error, STATUS_UNAVAILABLE, "Redis is gone");
    *ret_reply = reply_parse(text, strlen(text));
    return STATUS_OK;
}

#define FINDING(key, rank) \
    "$1\r\n" key "\r\n$1\r\nm\r\n$1\r\n" rank "\r\n$1\r\nw\r\n$1\r\nt\r\n$1\r\nc\r\n"
#define NO_FINDINGS                   "*0\r\n"
#define NO_LARGE                      "*0\r\n"
#define PAGE(cursor, findings, large) "*3\r\n$1\r\n" cursor "\r\n" findings large

static enum status look(struct complaints *complaints)
{
    return complaints_look(NULL, complaints, &err);
}

Test(complaints_look, goes_through_all_pages_and_puts_first_what_is_mended_first)
{
    CLEANUP(complaints_done) struct complaints complaints = {0};
    replies[0] = PAGE("7", "*12\r\n" FINDING("a", "5") FINDING("b", "2"), NO_LARGE);
    replies[1] = PAGE("0", "*6\r\n" FINDING("d", "1"), NO_LARGE);

    cr_assert(eq(int, (int)look(&complaints), (int)STATUS_OK), "%s", err.text);

    cr_expect(eq(sz, call_count, 2));
    cr_expect(eq(str, asked[0], "appbackup_doctor_look 0"));
    cr_expect(eq(str, asked[1], "appbackup_doctor_look 7"));
    cr_assert(eq(sz, complaints.count, 3));
    static const char order[] = "dba";
    for (size_t i = 0; i < complaints.count; i++) {
        const struct store_finding *finding = &complaints.items[i].finding;
        cr_expect(eq(chr, finding->place.key.bytes[0], order[i]));
        cr_expect(eq(str, (char *)finding->what, "w"));
        cr_expect(eq(str, (char *)finding->todo, "t"));
        cr_expect(eq(str, (char *)finding->catalog, "c"));
    }
}

Test(complaints_look, goes_through_the_members_of_large_keys)
{
    CLEANUP(complaints_done) struct complaints complaints = {0};
    replies[0] = PAGE("0", NO_FINDINGS, "*1\r\n$3\r\nbig\r\n");
    replies[1] = PAGE("5", "*6\r\n" FINDING("x", "3"), NO_LARGE);
    replies[2] = PAGE("0", "*6\r\n" FINDING("y", "2"), NO_LARGE);

    cr_assert(eq(int, (int)look(&complaints), (int)STATUS_OK), "%s", err.text);

    cr_expect(eq(sz, call_count, 3));
    cr_expect(eq(str, asked[1], "appbackup_doctor_look_in big"));
    cr_expect(eq(sz, complaints.count, 2));
}

Test(complaints_look, of_a_healthy_world_finds_nothing)
{
    CLEANUP(complaints_done) struct complaints complaints = {0};
    replies[0] = PAGE("0", NO_FINDINGS, NO_LARGE);

    cr_assert(eq(int, (int)look(&complaints), (int)STATUS_OK), "%s", err.text);

    cr_expect(eq(sz, complaints.count, 0));
}

static void expect_failure(const char *second, enum status status)
{
    CLEANUP(complaints_done) struct complaints complaints = {0};
    call_count = 0;
    replies[0] = PAGE("7", "*6\r\n" FINDING("a", "5"), NO_LARGE);
    replies[1] = second;
    err = (struct error){0};
    cr_expect(eq(int, (int)look(&complaints), (int)status), "%s", second);
}

Test(complaints_look, ends_with_a_reply_that_is_none)
{
    expect_failure(NULL, STATUS_UNAVAILABLE);
    expect_failure("-UNAVAILABLE loading\r\n", STATUS_INTERNAL);
    expect_failure("$1\r\n0\r\n", STATUS_CORRUPT);
    expect_failure("*2\r\n$1\r\n0\r\n*0\r\n", STATUS_CORRUPT);
    expect_failure("*3\r\n:0\r\n*0\r\n*0\r\n", STATUS_CORRUPT);
    expect_failure(PAGE("0", "*1\r\n$1\r\nx\r\n", NO_LARGE), STATUS_CORRUPT);
    expect_failure(PAGE("0", "*6\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", NO_LARGE),
                   STATUS_CORRUPT);
    expect_failure(PAGE("0", NO_FINDINGS, "*1\r\n:1\r\n"), STATUS_CORRUPT);
    expect_failure("*3\r\n$24\r\n123456789012345678901234\r\n*0\r\n*0\r\n", STATUS_CORRUPT);
}

Test(complaints_look, keeps_no_more_than_it_may)
{
    CLEANUP(complaints_done) struct complaints complaints = {0};
    CLEANUP(buffer_done) struct buffer page;
    buffer_init(&page, (size_t)16 << 20);
    char head[64];
    (void)snprintf(head, sizeof(head), "*3\r\n$1\r\n0\r\n*%d\r\n", 6 * (COMPLAINTS_MAX + 1));
    cr_assert(eq(int, (int)buffer_add_text(&page, head, &err), (int)STATUS_OK));
    for (int i = 0; i <= COMPLAINTS_MAX; i++)
        cr_assert(buffer_add_text(&page, FINDING("a", "1"), &err) == STATUS_OK);
    cr_assert(eq(int, (int)buffer_add_text(&page, NO_LARGE, &err), (int)STATUS_OK));
    replies[0] = (const char *)page.bytes;

    cr_assert(eq(int, (int)look(&complaints), (int)STATUS_OK), "%s", err.text);

    cr_expect(eq(sz, complaints.count, COMPLAINTS_MAX));
}

static void expect_place(struct store_bytes key, struct store_bytes member, const char *expected)
{
    const struct store_place place = {.key = key, .member = member};
    char text[PLACE_TEXT_SIZE];
    complaint_place_text(&place, text);
    cr_expect(eq(str, text, (char *)expected));
}

#define BYTES(text) ((struct store_bytes){.bytes = (text), .len = sizeof(text) - 1})

Test(complaint_place_text, is_printable_whatever_the_bytes_are)
{
    expect_place(BYTES("appbackup:nodes"), BYTES(""), "appbackup:nodes");
    expect_place(BYTES("appbackup:nodes"), BYTES("one"), "appbackup:nodes one");
    expect_place(BYTES("a\0b\n\x1b[2J\x7f\xff"), BYTES("\t"), "a?b??[2J?? ?");
    expect_place(BYTES(""), BYTES(""), "");
}

Test(complaint_place_text, is_cut_where_it_is_too_long)
{
    static char longer[2 * PLACE_TEXT_SIZE];
    char text[PLACE_TEXT_SIZE];
    memset(longer, 'k', sizeof(longer));
    const struct store_place place = {.key = {longer, sizeof(longer)},
                                      .member = {longer, sizeof(longer)}};

    complaint_place_text(&place, text);

    cr_expect(eq(sz, strlen(text), PLACE_TEXT_SIZE - 1));
}
