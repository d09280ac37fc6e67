#include "src/ctl/undo_file.h"

#include "core/cleanup.h"
#include "tests/support/reply.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PART                                                                            \
    "{\"kind\": \"hash\", \"key\": \"YQ==\", \"member\": \"Yg==\", \"existed\": true, " \
    "\"content\": \"Yw==\", \"expires_ms\": -1, \"digest\": \"d1\"}"
#define REPAIR "{\"repair\": 1, \"where\": \"a b\", \"what\": \"w\", \"parts\": [" PART "]}\n"
#define DONE   "{\"repair\": 1, \"done\": [{\"exists\": true, \"digest\": \"d2\"}]}\n"

static struct scratch scratch;
static struct error err;
static char told[1024]; /* one line for each part that is put back */

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(undo_file, .init = set_up, .fini = tear_down);

static enum status on_part(void *context, const struct store_part *part,
                           const struct store_trace *trace, struct error *error)
{
    (void)context;
    (void)error;
    size_t end = strlen(told);
    (void)snprintf(told + end, sizeof(told) - end, "%s %.*s %.*s %.*s %s %s\n", part->kind,
                   (int)part->place.key.len, part->place.key.bytes, (int)part->place.member.len,
                   part->place.member.bytes, (int)part->content.len, part->content.bytes,
                   part->existed ? "was" : "new", trace == NULL ? "unknown" : trace->digest);
    return STATUS_OK;
}

static enum status replay(const char *name)
{
    return undo_file_replay(scratch_path(&scratch, name), on_part, NULL, &err);
}

static void expect_told(const char *text, const char *expected)
{
    told[0] = '\0';
    scratch_write(&scratch, "f.undo", text, 0600);
    cr_assert(eq(int, (int)replay("f.undo"), (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, told, (char *)expected));
}

static void expect_refused(const char *text)
{
    told[0] = '\0';
    scratch_write(&scratch, "f.undo", text, 0600);
    cr_expect(eq(int, (int)replay("f.undo"), (int)STATUS_INVALID), "%s", text);
    cr_expect(ne(ptr, strstr(err.text, "is no undo file"), NULL), "%s", err.text);
    cr_expect(eq(str, told, ""));
    err = (struct error){0};
}

static redisReply *parse(const char *text)
{
    return reply_parse(text, strlen(text));
}

static const struct store_finding finding = {
    .place = {.key = {"a", 1}, .member = {"b", 1}}, .what = "it is wrong", .todo = "mend it"};

/* A repair of two parts: a member that was there, and a key that was not. */
static enum status add_repair(struct undo_file *file)
{
    CLEANUP(reply_freep)
    redisReply *reply = parse(
        "*3\r\n$1\r\n9\r\n$1\r\nt\r\n*2\r\n"
        "*7\r\n$4\r\nzset\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\n7\r\n$2\r\n-1\r\n$2\r\nd1\r\n"
        "*7\r\n$3\r\nkey\r\n$1\r\nk\r\n$0\r\n\r\n$1\r\n0\r\n$0\r\n\r\n$2\r\n-2\r\n$2\r\nd3\r\n");
    struct store_plan plan = {0};
    cr_assert(eq(int, (int)store_reply_plan(reply, &plan, &err), (int)STATUS_OK), "%s", err.text);
    return undo_file_add(file, &finding, &plan, &err);
}

Test(undo_file, gives_back_what_was_written_the_last_first)
{
    struct undo_file file;
    undo_file_init(&file, scratch.path);
    CLEANUP(reply_freep)
    redisReply *traces = parse("*2\r\n*2\r\n$1\r\n0\r\n$2\r\nd2\r\n*2\r\n$1\r\n1\r\n$2\r\nd4\r\n");

    cr_assert(eq(int, (int)add_repair(&file), (int)STATUS_OK), "%s", err.text);
    cr_assert(eq(int, (int)undo_file_add_done(&file, traces, 2, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)add_repair(&file), (int)STATUS_OK), "%s", err.text);
    undo_file_close(&file);

    cr_expect(eq(i64, file.repairs, 2));
    cr_assert(eq(int, (int)undo_file_replay(file.path, on_part, NULL, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_expect(eq(str, told,
                 "key k   new unknown\nzset a b 7 was unknown\n"
                 "key k   new d4\nzset a b 7 was d2\n"));
}

Test(undo_file, is_its_owners_alone_and_made_by_the_first_repair)
{
    struct undo_file file;
    struct stat info;
    (void)umask(0);
    undo_file_init(&file, scratch.path);
    cr_expect(ne(int, stat(file.path, &info), 0));

    cr_assert(eq(int, (int)add_repair(&file), (int)STATUS_OK), "%s", err.text);

    cr_assert(eq(int, stat(file.path, &info), 0));
    cr_expect(eq(int, (int)(info.st_mode & 07777), 0600));
    undo_file_close(&file);
}

Test(undo_file, is_not_written_over_another_or_through_a_link)
{
    struct undo_file file;
    undo_file_init(&file, scratch.path);
    scratch_shell(&scratch, "ln -s elsewhere '%s'", file.path);

    cr_expect(eq(int, (int)add_repair(&file), (int)STATUS_CONFLICT), "%s", err.text);

    scratch_shell(&scratch, "test ! -e elsewhere");
    undo_file_close(&file);
}

Test(undo_file, that_cannot_be_written_stops_the_repair)
{
    struct undo_file file;
    undo_file_init(&file, scratch_path(&scratch, "missing"));

    cr_expect(eq(int, (int)add_repair(&file), (int)STATUS_NOT_FOUND), "%s", err.text);
}

Test(undo_file, that_was_cut_short_is_read_up_to_there)
{
    expect_told(REPAIR DONE, "hash a b c was d2\n");
    expect_told(REPAIR "{\"repair\": 1, \"done\": [{\"ex", "hash a b c was unknown\n");
    expect_told(REPAIR DONE "{\"repair\": 2, \"par", "hash a b c was d2\n");
    expect_told(REPAIR DONE REPAIR DONE, "hash a b c was d2\nhash a b c was d2\n");
    expect_refused("{\"repair\": 1, \"par");
}

Test(undo_file, that_is_none_puts_nothing_back)
{
    expect_refused("");
    expect_refused("\n");
    expect_refused("node: shop\n");
    expect_refused("[1, 2]\n");
    expect_refused("{}\n");
    expect_refused("{\"repair\": \"1\"}\n");
    expect_refused("foreign\n" REPAIR DONE);
    expect_refused(REPAIR "{\"broken\n" DONE);
    expect_refused(REPAIR "{\"repair\": 1, \"done\": []}\n");
    expect_refused(REPAIR "{\"repair\": 1, \"done\": [{\"exists\": true}]}\n");
    expect_refused("{\"repair\": 1, \"parts\": [{}]}\n");
    expect_refused(
        "{\"repair\": 1, \"parts\": [{\"kind\": \"key\", \"key\": \"?\", \"member\": \"\", "
        "\"content\": \"\", \"digest\": \"\"}]}\n");
}

Test(undo_file, that_is_no_file_is_not_waited_for)
{
    scratch_shell(&scratch, "mkfifo fifo && mkdir directory");

    cr_expect(eq(int, (int)replay("fifo"), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)replay("directory"), (int)STATUS_INVALID));
    cr_expect(eq(int, (int)replay("missing"), (int)STATUS_NOT_FOUND));
    cr_expect(
        eq(int, (int)undo_file_replay("/dev/zero", on_part, NULL, &err), (int)STATUS_INVALID));
}

/* Of any size, in the memory that a line of it takes. */
Test(undo_file, that_is_large_is_read_a_line_at_a_time)
{
    scratch_shell(&scratch, "truncate -s 1T hole && printf 'x\\n' >>hole");
    cr_expect(eq(int, (int)replay("hole"), (int)STATUS_INVALID), "%s", err.text);
}
