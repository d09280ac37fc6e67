#include "bucket/object_store.h"
#include "tests/support/fault.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct scratch scratch;
static struct object_store *store;
static struct error err;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
ssize_t __real_writev(int fd, const struct iovec *vector, int count);
ssize_t __wrap_writev(int fd, const struct iovec *vector, int count);

static size_t write_limit; /* 0: none; what one writev() may write, to make short writes */

int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return fault_hits("renameat2") ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __wrap_fsync(int fd)
{
    return fault_hits("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return fault_hits("renameat") ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

ssize_t __wrap_writev(int fd, const struct iovec *vector, int count)
{
    if (fault_hits("writev"))
        return -1;
    if (write_limit == 0)
        return __real_writev(fd, vector, count);
    struct iovec first = vector[0];
    if (first.iov_len > write_limit)
        first.iov_len = write_limit;
    return __real_writev(fd, &first, 1);
}

static void open_store(void)
{
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir bucket");
    cr_assert(eq(int,
                 (int)object_store_open_directory("nightly", scratch_path(&scratch, "bucket"),
                                                  "shop", &store, &err),
                 (int)STATUS_OK),
              "%s", err.text);
}

static void close_store(void)
{
    fault_disarm();
    object_store_close(store);
    scratch_close(&scratch);
}

TestSuite(object_store_put, .init = open_store, .fini = close_store);
TestSuite(object_store_get, .init = open_store, .fini = close_store);
TestSuite(object_store_list, .init = open_store, .fini = close_store);
TestSuite(object_store_delete, .init = open_store, .fini = close_store);
TestSuite(object_store_sweep, .init = open_store, .fini = close_store);

static enum status put_text(const char *name, const char *text)
{
    struct object_part part = {.bytes = text, .len = strlen(text)};
    return object_store_put(store, name, &part, 1, &err);
}

static void must_put(const char *name, const char *text)
{
    cr_assert(eq(int, (int)put_text(name, text), (int)STATUS_OK), "%s", err.text);
}

/* Static. */
static const char *get_text(const char *name)
{
    static char text[256];
    struct buffer buffer;
    buffer_init(&buffer, sizeof(text) - 1);
    if (object_store_get(store, name, &buffer, &err) != STATUS_OK)
        (void)snprintf(text, sizeof(text), "<%s>", status_name(err.status));
    else
        (void)snprintf(text, sizeof(text), "%s", (const char *)buffer.bytes);
    buffer_done(&buffer);
    return text;
}

static void assert_no_temporary(void)
{
    scratch_shell(&scratch, "test -z \"$(find bucket -name '*~*')\"");
}

Test(object_store_put, joins_the_parts)
{
    char many[200][16];
    struct object_part parts[202];
    size_t len = 0;
    parts[0] = (struct object_part){.bytes = NULL, .len = 0};
    for (int i = 0; i < 200; i++) {
        (void)snprintf(many[i], sizeof(many[i]), "%d,", i);
        parts[i + 1] = (struct object_part){.bytes = many[i], .len = strlen(many[i])};
        len += strlen(many[i]);
    }
    parts[201] = (struct object_part){.bytes = NULL, .len = 0};

    cr_assert(eq(int, (int)object_store_put(store, "a/b", parts, 202, &err), (int)STATUS_OK), "%s",
              err.text);

    uint64_t size = 0;
    char end[8] = "";
    cr_assert(eq(int, (int)object_store_size(store, "a/b", &size, &err), (int)STATUS_OK));
    cr_assert(eq(u64, size, (uint64_t)len));
    cr_assert(
        eq(int, (int)object_store_get_range(store, "a/b", len - 4, 4, end, &err), (int)STATUS_OK));
    cr_assert(eq(str, end, "199,"));
}

Test(object_store_put, continues_after_short_writes)
{
    struct object_part parts[] = {{"hello ", 6}, {"", 0}, {"world", 5}};
    write_limit = 2;
    cr_assert(eq(int, (int)object_store_put(store, "a", parts, 3, &err), (int)STATUS_OK));
    write_limit = 0;
    cr_assert(eq(str, (char *)get_text("a"), "hello world"));
}

/* A page-aligned large part, as a pack is: its whole blocks go around the page cache. */
static void expect_large_whole(size_t one_write)
{
    const size_t len = 3 * 1024 * 1024 + 1234;
    unsigned char *bytes = aligned_alloc(4096, 4 * 1024 * 1024);
    struct buffer buffer;
    buffer_init(&buffer, 2 * len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(i * 2654435761U >> 24);
    struct object_part parts[] = {{bytes, len}, {"tail", 4}};

    write_limit = one_write;
    cr_assert(eq(int, (int)object_store_put(store, "large", parts, 2, &err), (int)STATUS_OK), "%s",
              err.text);
    write_limit = 0;

    cr_assert(eq(int, (int)object_store_get(store, "large", &buffer, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_assert(eq(sz, buffer.len, len + 4));
    cr_expect(memcmp(buffer.bytes, bytes, len) == 0);
    cr_expect(memcmp(buffer.bytes + len, "tail", 4) == 0);
    buffer_done(&buffer);
    free(bytes);
}

Test(object_store_put, writes_a_large_part_whole)
{
    expect_large_whole(0);
    expect_large_whole(8 * 4096);
}

Test(object_store_put, goes_on_as_usual_when_a_direct_write_ends_within_a_block)
{
    expect_large_whole(100 * 1000);
}

Test(object_store_put, says_why_a_large_part_could_not_be_written)
{
    unsigned char *bytes = aligned_alloc(4096, 2 * 1024 * 1024);
    memset(bytes, 1, 2 * 1024 * 1024);
    struct object_part part = {bytes, 2 * 1024 * 1024};
    fault_arm("writev", 1, ENOSPC);
    cr_expect(eq(int, (int)object_store_put(store, "large", &part, 1, &err), (int)STATUS_NO_SPACE));
    assert_no_temporary();
    free(bytes);
}

Test(object_store_put, protects_what_it_makes)
{
    must_put("data/00/x", "1");
    char *modes =
        scratch_output(&scratch, "stat -c %%a bucket/shop bucket/shop/data bucket/shop/data/00 "
                                 "bucket/shop/data/00/x");
    cr_assert(eq(str, modes, "700\n700\n700\n400"));
    free(modes);
}

Test(object_store_put, replaces_an_object)
{
    must_put("config", "old");
    must_put("config", "new");
    cr_assert(eq(str, (char *)get_text("config"), "new"));
    assert_no_temporary();
}

Test(object_store_put, new_does_not_replace)
{
    struct object_part part = {.bytes = "new", .len = 3};
    must_put("config", "old");
    cr_expect(
        eq(int, (int)object_store_put_new(store, "config", &part, 1, &err), (int)STATUS_CONFLICT));
    cr_expect(eq(str, (char *)get_text("config"), "old"));
    assert_no_temporary();
    cr_expect(eq(int, (int)object_store_put_new(store, "other", &part, 1, &err), (int)STATUS_OK),
              "%s", err.text);
    cr_expect(eq(str, (char *)get_text("other"), "new"));
    assert_no_temporary();
}

/* NFS knows no rename that does not replace. */
Test(object_store_put, new_does_without_a_rename_that_does_not_replace)
{
    struct object_part part = {.bytes = "new", .len = 3};
    must_put("config", "old");
    for (int there = 0; there < 2; there++) {
        fault_arm("renameat2", 1, EINVAL);
        cr_expect(eq(int,
                     (int)object_store_put_new(store, there ? "config" : "other", &part, 1, &err),
                     (int)(there ? STATUS_CONFLICT : STATUS_OK)),
                  "%s", err.text);
        assert_no_temporary();
    }
    cr_expect(eq(str, (char *)get_text("config"), "old"));
    cr_expect(eq(str, (char *)get_text("other"), "new"));
}

Test(object_store_put, leaves_the_old_object_when_a_step_fails)
{
    static const struct {
        const char *call;
        int error_number;
        enum status status;
    } steps[] = {{"writev", ENOSPC, STATUS_NO_SPACE},
                 {"fsync", EIO, STATUS_UNAVAILABLE},
                 {"renameat", EACCES, STATUS_FORBIDDEN}};

    must_put("keys/k", "old");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        fault_arm(steps[i].call, 1, steps[i].error_number);

        enum status status = put_text("keys/k", "new");

        cr_expect(eq(int, (int)status, (int)steps[i].status), "%s: %s", steps[i].call, err.text);
        cr_expect(eq(str, (char *)get_text("keys/k"), "old"));
        assert_no_temporary();
    }
}

Test(object_store_put, syncs_the_file_and_the_directory)
{
    must_put("keys/k", "old");
    fault_arm("fsync", 2, EIO); /* the first is the file's, the second the directory's */
    cr_assert(eq(int, (int)put_text("keys/k", "new"), (int)STATUS_UNAVAILABLE));
}

Test(object_store_put, accepts_a_file_system_that_cannot_sync)
{
    must_put("keys/k", "old");
    fault_arm("fsync", 1, EINVAL);
    cr_assert(eq(int, (int)put_text("keys/k", "new"), (int)STATUS_OK), "%s", err.text);
}

Test(object_store_put, names_bucket_and_object_in_errors)
{
    fault_arm("renameat", 1, EACCES);
    cr_assert(ne(int, (int)put_text("keys/k", "x"), (int)STATUS_OK));
    cr_assert(strstr(err.text, "bucket 'nightly': put 'keys/k'") == err.text, "%s", err.text);
}

Test(object_store_put, refuses_names_that_are_none)
{
    char long_name[600];
    memset(long_name, 'a', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    const char *names[] = {"",      "/a",  "a/",  "a//b", "..",       ".",     "a/../b",
                           "a/./b", "a b", "a~b", "a\nb", "\xc3\xa4", "a%2fb", long_name};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect(eq(int, (int)put_text(names[i], "x"), (int)STATUS_INVALID), "'%s'", names[i]);
}

Test(object_store_put, does_not_follow_a_link_below_the_root)
{
    scratch_shell(&scratch, "mkdir outside && mkdir bucket/shop && ln -s ../../outside "
                            "bucket/shop/keys");

    cr_assert(eq(int, (int)put_text("keys/k", "x"), (int)STATUS_NOT_FOUND), "%s", err.text);

    scratch_shell(&scratch, "test -z \"$(ls outside)\"");
}

Test(object_store_get, does_not_follow_a_link)
{
    must_put("keys/k", "x");
    scratch_shell(&scratch, "echo secret >passwd; ln -s ../../../passwd bucket/shop/keys/l; "
                            "ln bucket/shop/keys/k bucket/shop/keys/h");
    cr_expect(eq(str, (char *)get_text("keys/l"), "<forbidden>"));
    cr_expect(eq(str, (char *)get_text("keys/h"), "x"));
}

Test(object_store_get, does_not_hang_on_a_fifo)
{
    must_put("keys/k", "x");
    scratch_shell(&scratch, "mkfifo bucket/shop/keys/f");
    cr_assert(eq(str, (char *)get_text("keys/f"), "<not_found>"));
}

Test(object_store_get, says_what_is_missing)
{
    cr_expect(eq(str, (char *)get_text("config"), "<not_found>"));
    cr_expect(strstr(err.text, "bucket 'nightly': get 'config'") == err.text, "%s", err.text);
    cr_expect(eq(str, (char *)get_text("data/00/x"), "<not_found>"));
}

Test(object_store_get, appends_and_keeps_the_limit)
{
    struct buffer buffer;
    buffer_init(&buffer, 8);
    must_put("a", "12345");

    cr_expect(eq(int, (int)object_store_get(store, "a", &buffer, &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)object_store_get(store, "a", &buffer, &err), (int)STATUS_TOO_LARGE));

    cr_expect(eq(sz, buffer.len, (size_t)5));
    buffer_done(&buffer);
}

Test(object_store_get, takes_a_short_object_for_damage)
{
    char bytes[8];
    must_put("a", "12345");
    cr_expect(eq(int, (int)object_store_get_range(store, "a", 1, 4, bytes, &err), (int)STATUS_OK));
    cr_expect(memcmp(bytes, "2345", 4) == 0);
    cr_expect(
        eq(int, (int)object_store_get_range(store, "a", 1, 5, bytes, &err), (int)STATUS_CORRUPT));
    cr_expect(eq(int, (int)object_store_get_range(store, "a", UINT64_MAX, 5, bytes, &err),
                 (int)STATUS_CORRUPT));
}

struct seen {
    char names[1024];
    uint64_t bytes;
    int count, fail_at;
};

static enum status on_seen(void *context, const char *name, uint64_t size, struct error *e)
{
    struct seen *seen = context;
    if (++seen->count == seen->fail_at)
        return FAIL(e, STATUS_CANCELED, "enough");
    size_t used = strlen(seen->names);
    (void)snprintf(seen->names + used, sizeof(seen->names) - used, "%s ", name);
    seen->bytes += size;
    return STATUS_OK;
}

Test(object_store_list, sees_objects_at_any_depth_and_nothing_else)
{
    struct seen seen = {.count = 0};
    must_put("data/00/aa", "1");
    must_put("data/ff/bb", "22");
    must_put("index/cc", "333");
    scratch_shell(&scratch, "cd bucket/shop/data; touch 'no object' '00/aa~0123456789abcdef'; "
                            "ln -s 00/aa link; mkfifo fifo; mkdir -p empty 'lost+found'; "
                            "touch lost+found/x");

    cr_assert(eq(int, (int)object_store_list(store, "data/", on_seen, &seen, &err), (int)STATUS_OK),
              "%s", err.text);

    cr_expect(eq(int, seen.count, 2), "%s", seen.names);
    cr_expect(strstr(seen.names, "00/aa ") != NULL && strstr(seen.names, "ff/bb ") != NULL);
    cr_expect(eq(u64, seen.bytes, (uint64_t)3));
}

Test(object_store_list, tells_where_an_object_lies)
{
    struct seen seen = {.count = 0};
    must_put("data/00/aa", "1");
    cr_assert(
        eq(int, (int)object_store_list(store, "data/", on_seen, &seen, &err), (int)STATUS_OK));
    cr_expect(eq(str, seen.names, "00/aa "));
    cr_assert(
        eq(int, (int)object_store_list(store, "data/00/", on_seen, &seen, &err), (int)STATUS_OK));
    cr_expect(eq(str, seen.names, "00/aa aa "));
    cr_assert(eq(int, (int)object_store_list(store, "", on_seen, &seen, &err), (int)STATUS_OK));
    cr_expect(eq(str, seen.names, "00/aa aa data/00/aa "));
}

/* A file server shows earlier states of a directory in it, a desktop keeps notes of its own. */
Test(object_store_list, passes_over_what_is_hidden)
{
    struct seen seen = {.count = 0};
    must_put("data/00/aa", "1");
    scratch_shell(&scratch,
                  "cd bucket/shop/data; mkdir -p .snapshot/hourly.0 00/.snapshot/daily; "
                  "touch .snapshot/hourly.0/bb 00/.snapshot/daily/cc .DS_Store 00/.aa.swp");

    cr_assert(
        eq(int, (int)object_store_list(store, "data/", on_seen, &seen, &err), (int)STATUS_OK));

    cr_expect(eq(str, seen.names, "00/aa "));
}

Test(object_store_list, passes_over_names_that_are_too_long_for_an_object)
{
    struct seen seen = {.count = 0};
    must_put("data/00/aa", "1");
    scratch_shell(&scratch, "cd bucket/shop/data; d=$(printf '%%0200d' 7); mkdir -p $d/$d/$d; "
                            "touch $d/$d/$d/x $d/$d/y");

    cr_assert(
        eq(int, (int)object_store_list(store, "data/", on_seen, &seen, &err), (int)STATUS_OK));

    cr_expect(eq(int, seen.count, 2), "%s", seen.names);
    cr_expect(strstr(seen.names, "/y ") != NULL, "%s", seen.names);
}

Test(object_store_list, finds_nothing_below_a_prefix_that_is_not_there)
{
    struct seen seen = {.count = 0};
    cr_assert(
        eq(int, (int)object_store_list(store, "data/", on_seen, &seen, &err), (int)STATUS_OK));
    cr_assert(eq(int, seen.count, 0));
}

Test(object_store_list, ends_with_the_status_of_the_callback)
{
    struct seen seen = {.fail_at = 1};
    must_put("a/1", "");
    must_put("a/2", "");
    cr_assert(
        eq(int, (int)object_store_list(store, "", on_seen, &seen, &err), (int)STATUS_CANCELED));
    cr_assert(eq(str, err.text, "enough"));
    cr_assert(eq(int, seen.count, 1));
}

Test(object_store_list, refuses_a_part_of_a_segment)
{
    struct seen seen = {.count = 0};
    cr_assert(
        eq(int, (int)object_store_list(store, "da", on_seen, &seen, &err), (int)STATUS_INVALID));
    cr_assert(
        eq(int, (int)object_store_list(store, "../", on_seen, &seen, &err), (int)STATUS_INVALID));
}

Test(object_store_delete, is_content_with_what_is_not_there)
{
    must_put("a/b", "1");
    cr_expect(eq(int, (int)object_store_delete(store, "a/b", &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)object_store_delete(store, "a/b", &err), (int)STATUS_OK));
    cr_expect(eq(int, (int)object_store_delete(store, "x/y/z", &err), (int)STATUS_OK));
    cr_expect(eq(str, (char *)get_text("a/b"), "<not_found>"));
}

/* The temporaries that a writer killed in the middle leaves behind. */
static void leave_temporaries(void)
{
    must_put("index/i", "x");
    scratch_shell(&scratch, "cd bucket/shop/index; touch -d '2 hours ago' 'dead~0123456789abcdef' "
                            "'busy~0123456789abcdef' 'not ours~x'; touch 'new~0123456789abcdef'");
    object_store_close(store);
    cr_assert(eq(int,
                 (int)object_store_open_directory("nightly", scratch_path(&scratch, "bucket"),
                                                  "shop", &store, &err),
                 (int)STATUS_OK));
}

Test(object_store_sweep, removes_the_temporaries_of_dead_writers_alone)
{
    leave_temporaries();
    int fd = open(scratch_path(&scratch, "bucket/shop/index/busy~0123456789abcdef"), O_RDONLY);
    cr_assert(fd >= 0 && flock(fd, LOCK_EX) == 0);

    must_put("locks/l", "x");

    char *left = scratch_output(&scratch, "ls bucket/shop/index");
    cr_expect(eq(str, left, "busy~0123456789abcdef\ni\nnew~0123456789abcdef\nnot ours~x"));
    free(left);
    (void)close(fd);
}

Test(object_store_sweep, happens_once_for_a_handle)
{
    leave_temporaries();
    must_put("locks/l", "x");
    scratch_shell(&scratch, "touch -d '2 hours ago' bucket/shop/index/dead~0123456789abcdef");
    must_put("locks/m", "x");
    scratch_shell(&scratch, "test -e bucket/shop/index/dead~0123456789abcdef");
}

Test(object_store_sweep, is_not_done_by_readers)
{
    leave_temporaries();
    cr_assert(eq(str, (char *)get_text("index/i"), "x"));
    scratch_shell(&scratch, "test -e bucket/shop/index/dead~0123456789abcdef");
}

Test(object_store_open_directory, refuses_what_is_no_directory)
{
    struct scratch place;
    struct object_store *none = NULL;
    scratch_open(&place);
    scratch_write(&place, "file", "", 0600);
    cr_expect(eq(
        int, (int)object_store_open_directory("b", scratch_path(&place, "none"), "", &none, &err),
        (int)STATUS_NOT_FOUND));
    cr_expect(strstr(err.text, "bucket 'b'") != NULL);
    cr_expect(eq(
        int, (int)object_store_open_directory("b", scratch_path(&place, "file"), "", &none, &err),
        (int)STATUS_NOT_FOUND));
    cr_expect(eq(int, (int)object_store_open_directory("b", place.path, "../up", &none, &err),
                 (int)STATUS_INVALID));
    cr_expect(none == NULL);
    scratch_close(&place);
}

Test(object_store_open_directory, needs_no_prefix)
{
    struct scratch place;
    struct seen seen = {.count = 0};
    scratch_open(&place);
    cr_assert(eq(int, (int)object_store_open_directory("b", place.path, "", &store, &err),
                 (int)STATUS_OK));
    must_put("config", "c");
    must_put("a/b", "d");
    cr_expect(eq(int, (int)object_store_list(store, "", on_seen, &seen, &err), (int)STATUS_OK));
    cr_expect(eq(int, seen.count, 2));
    cr_expect(eq(int, (int)object_store_delete(store, "config", &err), (int)STATUS_OK));
    object_store_close(store);
    scratch_close(&place);
}

/* --- away, or read only --- */

static const struct {
    int error_number;
    enum status status;
    const char *reason;
} troubles[] = {
    {EIO, STATUS_UNAVAILABLE, "bucket_unreachable"},
    {ESTALE, STATUS_UNAVAILABLE, "bucket_unreachable"},
    {ENOTCONN, STATUS_UNAVAILABLE, "bucket_unreachable"},
    {ENODEV, STATUS_UNAVAILABLE, "bucket_unreachable"},
    {ESHUTDOWN, STATUS_UNAVAILABLE, "bucket_unreachable"},
    {ETIMEDOUT, STATUS_TIMEOUT, "bucket_unreachable"},
    {EROFS, STATUS_UNAVAILABLE, "bucket_read_only"},
    {ENOSPC, STATUS_NO_SPACE, "bucket_full"},
    {EDQUOT, STATUS_NO_SPACE, "bucket_full"},
};

Test(object_store_put, says_what_may_be_better_the_next_time)
{
    static const char *const calls[] = {"writev", "fsync", "renameat"};
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        for (size_t call = 0; call < sizeof(calls) / sizeof(calls[0]); call++) {
            fault_arm(calls[call], 1, troubles[i].error_number);

            enum status status = put_text("data/00/x", "x");

            cr_expect(eq(int, (int)status, (int)troubles[i].status), "%s", err.text);
            cr_expect(eq(str, err.reason, (char *)(uintptr_t)troubles[i].reason), "%s", err.text);
            cr_expect(status_is_transient(status));
        }
    }
}

static void expect_unreachable(enum status status)
{
    cr_expect(eq(int, (int)status, (int)STATUS_UNAVAILABLE), "%s", err.text);
    cr_expect(eq(str, err.reason, "bucket_unreachable"), "%s", err.text);
}

static enum status ignore(UNUSED void *context, UNUSED const char *base_name, UNUSED uint64_t size,
                          UNUSED struct error *error)
{
    return STATUS_OK;
}

/* What is left where a file system was says nothing of what is in it. */
static void expect_away(void)
{
    struct buffer buffer;
    uint64_t size = 0;
    char byte = 0;
    bool gone = false;
    buffer_init(&buffer, 100);
    expect_unreachable(object_store_get(store, "config", &buffer, &err));
    expect_unreachable(object_store_get_range(store, "config", 0, 1, &byte, &err));
    expect_unreachable(object_store_size(store, "config", &size, &err));
    expect_unreachable(object_store_is_gone(store, "config", &gone, &err));
    expect_unreachable(object_store_list(store, "data/", ignore, NULL, &err));
    expect_unreachable(object_store_delete(store, "config", &err));
    expect_unreachable(object_store_check_place(store, &err));
    buffer_done(&buffer);
}

Test(object_store_get, finds_nothing_gone_in_a_bucket_that_is_away)
{
    bool gone = false;
    must_put("data/00/x", "x");
    cr_expect(eq(int, (int)object_store_is_gone(store, "config", &gone, &err), (int)STATUS_OK));
    cr_expect(gone);

    scratch_shell(&scratch, "mv bucket away && mkdir bucket");

    expect_away();
    scratch_shell(&scratch, "rmdir bucket");
    expect_away();
    scratch_shell(&scratch, "mv away bucket");
    cr_expect(eq(int, (int)object_store_check_place(store, &err), (int)STATUS_OK));
}

Test(object_store_put, into_a_bucket_that_was_removed_may_be_tried_again)
{
    scratch_shell(&scratch, "rm -rf bucket");

    expect_unreachable(put_text("data/00/x", "x"));
}
