#include "store/replies.h"

#include "core/cleanup.h"
#include "store/store.h"
#include "tests/support/reply.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#define PARSE(text) reply_parse(text, sizeof(text) - 1)

static const struct {
    const char *line;
    enum status status;
    const char *reason;
    const char *text;
} refusals[] = {
    {"-UNKNOWN_APP no\r\n", STATUS_NOT_FOUND, "unknown_app", "no"},
    {"-UNKNOWN_BACKUP no\r\n", STATUS_NOT_FOUND, "unknown_backup", "no"},
    {"-UNKNOWN_BUCKET no\r\n", STATUS_NOT_FOUND, "unknown_bucket", "no"},
    {"-UNKNOWN_JOB no\r\n", STATUS_NOT_FOUND, "unknown_job", "no"},
    {"-UNKNOWN_NODE no\r\n", STATUS_NOT_FOUND, "unknown_node", "no"},
    {"-UNKNOWN_SNAPSHOT no\r\n", STATUS_NOT_FOUND, "unknown_snapshot", "no"},
    {"-NO_BUCKET no\r\n", STATUS_NOT_FOUND, "no_bucket", "no"},
    {"-FOREIGN_SNAPSHOT no\r\n", STATUS_FORBIDDEN, "foreign_snapshot", "no"},
    {"-NAME_TAKEN no\r\n", STATUS_CONFLICT, "name_taken", "no"},
    {"-ALREADY_DELETING no\r\n", STATUS_CONFLICT, "already_deleting", "no"},
    {"-ILLEGAL_TRANSITION no\r\n", STATUS_CONFLICT, "illegal_transition", "no"},
    {"-LEASE_LOST no\r\n", STATUS_LOST, "lease_lost", "no"},
    {"-INVALID_ARGUMENT no\r\n", STATUS_INVALID, "invalid_argument", "no"},
    {"-SCHEMA_MISMATCH no\r\n", STATUS_UNSUPPORTED, "schema_mismatch", "no"},
    {"-OOM command\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "command"},
    {"-READONLY You\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "You"},
    {"-LOADING Redis\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "Redis"},
    {"-MASTERDOWN Link\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "Link"},
    {"-MISCONF Redis\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "Redis"},
    {"-BUSY Redis\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "Redis"},
    {"-NOAUTH Authentication\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "Authentication"},
    {"-WRONGPASS invalid\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "invalid"},
    {"-ERR wrong\r\n", STATUS_INTERNAL, "redis_error", "redis: ERR wrong"},
    {"-NAME_TAKENX no\r\n", STATUS_INTERNAL, "redis_error", "redis: NAME_TAKENX no"},
    {"-OOM\r\n", STATUS_UNAVAILABLE, "redis_unsafe", "OOM"},
};

Test(reply, that_refuses_gives_its_code_status_and_text)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        CLEANUP(reply_freep)
        redisReply *reply = reply_parse(refusals[i].line, strlen(refusals[i].line));
        struct error err = {0};

        enum status status = store_reply_nothing(reply, &err);

        cr_expect(eq(int, (int)status, (int)refusals[i].status), "%s", refusals[i].line);
        cr_expect(eq(str, err.reason, (char *)refusals[i].reason));
        cr_expect(eq(str, err.text, (char *)refusals[i].text));
    }
}

Test(reply, that_refuses_is_an_error_for_every_decoder)
{
    CLEANUP(reply_freep) redisReply *reply = PARSE("-LEASE_LOST no\r\n");
    struct error err = {0};
    const char *text = NULL;
    struct backup backup = {0};
    struct app app = {0};
    struct bucket bucket = {0};
    struct node node = {0};
    struct job job = {0};
    struct store_health health = {0};
    enum store_lease lease = STORE_LEASE_OK;
    bool found = false;
    size_t count = 0;

    cr_expect(eq(int, (int)store_reply_text(reply, &text, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_backup(reply, &backup, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_app(reply, &app, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_bucket(reply, &bucket, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_count(reply, &count, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_node(reply, &node, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_job_or_none(reply, &job, &found, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_lease(reply, &lease, &err), (int)STATUS_LOST));
    cr_expect(eq(int, (int)store_reply_health(reply, &health, &err), (int)STATUS_LOST));
}

#define ASSIGNED "11111111-0000-4000-8000-000000000001" /* the id of a bucket */

/* No decoder takes any of these for a record, and none writes its output. */
static const char *const shapes[] = {
    ":5\r\n",
    "+OK\r\n",
    "$2\r\nhi\r\n",
    "*0\r\n",
    "*1\r\n$2\r\nid\r\n",
    "*2\r\n$2\r\nid\r\n:1\r\n",
    "*2\r\n$2\r\nid\r\n$-1\r\n",
    "*2\r\n*0\r\n$1\r\nx\r\n",
    "*2\r\n$7\r\nunknown\r\n$1\r\nx\r\n",
    "*2\r\n$2\r\nid\r\n$3\r\nnot\r\n",
};

Test(reply, of_another_shape_is_corrupt)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        CLEANUP(reply_freep) redisReply *reply = reply_parse(shapes[i], strlen(shapes[i]));
        struct error err = {0};
        struct backup backup = {0};
        struct app app = {0};
        struct job job = {0};
        bool found = false;

        cr_expect(eq(int, (int)store_reply_backup(reply, &backup, &err), (int)STATUS_CORRUPT), "%s",
                  shapes[i]);
        cr_expect(eq(int, (int)store_reply_app(reply, &app, &err), (int)STATUS_CORRUPT));
        cr_expect(
            eq(int, (int)store_reply_job_or_none(reply, &job, &found, &err), (int)STATUS_CORRUPT));
        cr_expect(backup.labels == NULL && app.id[0] == '\0' && !found);
    }
    struct error err = {0};
    cr_expect(eq(int, (int)store_reply_nothing(NULL, &err), (int)STATUS_CORRUPT));
}

Test(reply, with_a_nul_inside_is_corrupt)
{
    CLEANUP(reply_freep) redisReply *reply = PARSE("*2\r\n$4\r\nname\r\n$3\r\na\0b\r\n");
    struct node node = {0};
    struct error err = {0};

    cr_expect(eq(int, (int)store_reply_node(reply, &node, &err), (int)STATUS_CORRUPT));
}

Test(reply, without_a_field_is_no_record_of_a_backup)
{
    CLEANUP(reply_freep) redisReply *nothing = PARSE("*0\r\n");
    CLEANUP(reply_freep) redisReply *text = PARSE("+OK\r\n");
    struct backup backup = {0};
    struct error err = {0};

    cr_expect(eq(int, (int)store_reply_backup_record(nothing, NULL, NULL, &backup, &err),
                 (int)STATUS_NOT_FOUND));
    cr_expect(eq(str, (char *)err.reason, "unknown_backup"));
    cr_expect(eq(int, (int)store_reply_backup_record(text, NULL, NULL, &backup, &err),
                 (int)STATUS_CORRUPT));
    cr_expect(eq(ptr, backup.labels, NULL));
}

Test(reply, to_a_create_adds_what_was_assigned)
{
    CLEANUP(reply_freep)
    redisReply *reply = PARSE("*6\r\n$4\r\nname\r\n$7\r\nnightly\r\n"
                              "$6\r\nbucket\r\n$36\r\n" ASSIGNED "\r\n"
                              "$10\r\ncreated_ms\r\n$1\r\n5\r\n");
    struct backup backup = {.version = "1.1"};
    struct error err = {0};

    cr_assert(eq(int, (int)store_reply_backup_created(reply, &backup, &err), (int)STATUS_OK));
    cr_expect(eq(str, backup.version, "1.1"));
    cr_expect(eq(str, backup.name, "nightly"));
    cr_expect(eq(str, backup.bucket, ASSIGNED));
    cr_expect(eq(i64, backup.created_ms, 5));
    cr_expect(eq(i64, backup.modified_ms, 5));
}

Test(reply, to_a_create_without_what_must_be_assigned_is_corrupt)
{
    static const char *const replies[] = {
        "*0\r\n",
        "*2\r\n$4\r\nname\r\n$7\r\nnightly\r\n",
        "*4\r\n$6\r\nbucket\r\n$36\r\n" ASSIGNED "\r\n$10\r\ncreated_ms\r\n$1\r\n5\r\n",
        "*4\r\n$4\r\nname\r\n$1\r\na\r\n$6\r\nbucket\r\n$36\r\n" ASSIGNED "\r\n",
    };
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        CLEANUP(reply_freep) redisReply *reply = reply_parse(replies[i], strlen(replies[i]));
        struct backup backup = {.version = "1.1"};
        struct error err = {0};
        cr_expect(
            eq(int, (int)store_reply_backup_created(reply, &backup, &err), (int)STATUS_CORRUPT),
            "%s", replies[i]);
    }
}

Test(reply, nil_is_no_job)
{
    CLEANUP(reply_freep) redisReply *reply = PARSE("$-1\r\n");
    struct job job = {0};
    bool found = true;
    struct error err = {0};

    cr_expect(eq(int, (int)store_reply_job_or_none(reply, &job, &found, &err), (int)STATUS_OK));
    cr_expect(not(found));
}

Test(reply, to_a_renewal_is_ok_or_cancel)
{
    enum store_lease lease = STORE_LEASE_CANCEL;
    struct error err = {0};
    CLEANUP(reply_freep) redisReply *ok = PARSE("$2\r\nok\r\n");
    CLEANUP(reply_freep) redisReply *cancel = PARSE("$6\r\ncancel\r\n");
    CLEANUP(reply_freep) redisReply *other = PARSE("$5\r\nmaybe\r\n");

    cr_assert(eq(int, (int)store_reply_lease(ok, &lease, &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)lease, (int)STORE_LEASE_OK));
    cr_assert(eq(int, (int)store_reply_lease(cancel, &lease, &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)lease, (int)STORE_LEASE_CANCEL));
    cr_expect(eq(int, (int)store_reply_lease(other, &lease, &err), (int)STATUS_CORRUPT));
}

Test(reply, about_health_must_have_numbers)
{
    struct store_health health = {0};
    struct error err = {0};
    CLEANUP(reply_freep)
    redisReply *good = PARSE("*4\r\n$7\r\nworkers\r\n$2\r\n12\r\n"
                             "$7\r\nversion\r\n$6\r\n7.0.15\r\n");
    CLEANUP(reply_freep) redisReply *bad = PARSE("*2\r\n$7\r\nworkers\r\n$2\r\n1x\r\n");

    cr_assert(eq(int, (int)store_reply_health(good, &health, &err), (int)STATUS_OK));
    cr_expect(eq(i64, health.workers, 12));
    cr_expect(eq(str, health.version, "7.0.15"));
    cr_expect(eq(int, (int)store_reply_health(bad, &health, &err), (int)STATUS_CORRUPT));
}
