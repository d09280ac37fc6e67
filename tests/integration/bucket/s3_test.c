/* The S3 driver against a real Ceph RGW. */
#include "s3_fixture.h"

#include <pthread.h>

static struct s3_fixture f;

static void start(const char *prefix)
{
    s3_fixture_init(&f, prefix);
    s3_fixture_open(&f);
}

static void stop(void)
{
    s3_fixture_done(&f);
}

TestSuite(object_store_s3, .fini = stop);

static enum status put_text(const char *name, const char *text)
{
    const struct object_part part = {text, strlen(text)};
    return object_store_put(f.store, name, &part, 1, &f.err);
}

static void expect_text(const char *name, const char *text)
{
    struct buffer buffer;
    buffer_init(&buffer, 1024);
    MUST(&f, object_store_get(f.store, name, &buffer, &f.err));
    cr_expect(eq(str, (char *)buffer.bytes, (char *)text));
    buffer_done(&buffer);
}

Test(object_store_s3, keeps_what_was_put)
{
    start("keeps");
    MUST(&f, put_text("config", "first"));
    MUST(&f, put_text("config", "second"));
    MUST(&f, put_text("data/00/empty", ""));

    uint64_t size = 0;
    expect_text("config", "second");
    expect_text("data/00/empty", "");
    MUST(&f, object_store_size(f.store, "config", &size, &f.err));
    cr_expect(eq(u64, size, 6));

    MUST(&f, object_store_delete(f.store, "config", &f.err));
    MUST(&f, object_store_delete(f.store, "config", &f.err));
    cr_expect(
        eq(int, (int)object_store_size(f.store, "config", &size, &f.err), (int)STATUS_NOT_FOUND));
    struct buffer buffer;
    buffer_init(&buffer, 10);
    cr_expect(
        eq(int, (int)object_store_get(f.store, "config", &buffer, &f.err), (int)STATUS_NOT_FOUND));
    cr_expect(eq(str, f.err.text, "bucket 'nightly': get 'config': the server says 404 NoSuchKey"));
    buffer_done(&buffer);
}

Test(object_store_s3, joins_the_parts_of_a_pack)
{
    enum { PACK = 24 << 20 };

    unsigned char *pack = malloc(PACK);
    unsigned char *found = malloc(PACK);
    start("joins");
    for (size_t i = 0; i < PACK; i++)
        pack[i] = (unsigned char)((i * 2654435761u) >> 13);
    const struct object_part parts[] = {
        {pack, 1}, {NULL, 0}, {pack + 1, 1000000}, {pack + 1000001, PACK - 1000001}, {NULL, 0}};

    MUST(&f, object_store_put(f.store, "data/ab/pack", parts, 5, &f.err));

    MUST(&f, object_store_get_range(f.store, "data/ab/pack", 0, PACK, found, &f.err));
    cr_expect(zero(int, memcmp(pack, found, PACK)));
    MUST(&f, object_store_get_range(f.store, "data/ab/pack", PACK - 7, 7, found, &f.err));
    cr_expect(zero(int, memcmp(pack + PACK - 7, found, 7)));
    MUST(&f, object_store_get_range(f.store, "data/ab/pack", PACK, 0, found, &f.err));
    free(pack);
    free(found);
}

Test(object_store_s3, says_what_is_too_short_or_too_long)
{
    char bytes[32];
    struct buffer buffer;
    start("short");
    MUST(&f, put_text("data/aa/x", "0123456789"));

    cr_expect(eq(int, (int)object_store_get_range(f.store, "data/aa/x", 8, 5, bytes, &f.err),
                 (int)STATUS_CORRUPT));
    cr_expect(eq(str, f.err.text,
                 "bucket 'nightly': get 'data/aa/x': 10 bytes long, but 5 bytes at 8 are "
                 "expected"));
    cr_expect(eq(int, (int)object_store_get_range(f.store, "data/aa/x", 20, 5, bytes, &f.err),
                 (int)STATUS_CORRUPT));
    cr_expect(eq(int, (int)object_store_get_range(f.store, "data/aa/x", 11, 0, bytes, &f.err),
                 (int)STATUS_CORRUPT));
    buffer_init(&buffer, 9);
    cr_expect(eq(int, (int)object_store_get(f.store, "data/aa/x", &buffer, &f.err),
                 (int)STATUS_TOO_LARGE));
    cr_expect(zero(sz, buffer.len));
    buffer_done(&buffer);
}

Test(object_store_s3, gives_a_new_name_once)
{
    const struct object_part one = {"one", 3};
    const struct object_part other = {"other", 5};
    start("once");

    MUST(&f, object_store_put_new(f.store, "config", &one, 1, &f.err));
    cr_expect(eq(int, (int)object_store_put_new(f.store, "config", &other, 1, &f.err),
                 (int)STATUS_CONFLICT));
    expect_text("config", "one");
}

enum { THREADS = 8, ROUNDS = 12 };

static void *put_new_in_thread(void *context)
{
    struct error err = {0};
    const struct object_part part = {&context, sizeof(context)};
    return object_store_put_new(f.store, "contended", &part, 1, &err) == STATUS_OK ? context : NULL;
}

Test(object_store_s3, gives_a_contended_name_to_one)
{
    pthread_t threads[THREADS];
    start("contended");
    for (int round = 0; round < ROUNDS; round++) {
        int winners = 0;
        for (uintptr_t i = 0; i < THREADS; i++)
            cr_assert(
                zero(int, pthread_create(&threads[i], NULL, put_new_in_thread, (void *)(i + 1))));
        for (int i = 0; i < THREADS; i++) {
            void *won = NULL;
            (void)pthread_join(threads[i], &won);
            winners += won != NULL;
        }
        cr_assert(eq(int, winners, 1));
        MUST(&f, object_store_delete(f.store, "contended", &f.err));
    }
}

static void *put_and_get_in_thread(void *context)
{
    struct error err = {0};
    uintptr_t number = (uintptr_t)context;
    size_t len = 300000 + number;
    unsigned char *bytes = malloc(2 * len);
    const struct object_part part = {bytes, len};
    void *failed = NULL;
    for (int round = 0; round < ROUNDS && failed == NULL; round++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "data/%02d/%lu", round, (unsigned long)number);
        memset(bytes, (int)number + round, len);
        if (object_store_put(f.store, name, &part, 1, &err) != STATUS_OK ||
            object_store_get_range(f.store, name, 0, len, bytes + len, &err) != STATUS_OK ||
            memcmp(bytes, bytes + len, len) != 0)
            failed = context;
    }
    free(bytes);
    return failed;
}

Test(object_store_s3, serves_several_threads)
{
    pthread_t threads[THREADS];
    start("threads");
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert(
            zero(int, pthread_create(&threads[i], NULL, put_and_get_in_thread, (void *)(i + 1))));
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        (void)pthread_join(threads[i], &failed);
        cr_expect(eq(ptr, failed, NULL));
    }
}

struct seen {
    size_t count;
    uint64_t bytes;
    bool foreign;
};

static enum status on_seen(void *context, const char *name, uint64_t size, struct error *err)
{
    struct seen *seen = context;
    (void)err;
    const char *slash = strrchr(name, '/');
    seen->count++;
    seen->bytes += size;
    if ((slash == NULL ? name : slash + 1)[0] != 'o')
        seen->foreign = true;
    return STATUS_OK;
}

Test(object_store_s3, lists_over_several_pages)
{
    enum { COUNT = 1010 };
    struct seen seen = {0};
    start("pages");
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "data/%02x/o%d", i % 7, i);
        MUST(&f, put_text(name, "12"));
    }
    MUST(&f, put_text("index/other", "12"));

    MUST(&f, object_store_list(f.store, "data/", on_seen, &seen, &f.err));
    cr_expect(eq(sz, seen.count, COUNT));
    cr_expect(eq(u64, seen.bytes, 2 * COUNT));
    cr_expect(not(seen.foreign));

    seen = (struct seen){0};
    MUST(&f, object_store_list(f.store, "", on_seen, &seen, &f.err));
    cr_expect(eq(sz, seen.count, COUNT + 1));

    seen = (struct seen){0};
    MUST(&f, object_store_list(f.store, "locks/", on_seen, &seen, &f.err));
    cr_expect(zero(sz, seen.count));
}

Test(object_store_s3, passes_over_what_is_not_its_own)
{
    struct seen seen = {0};
    start("foreign");
    MUST(&f, put_text("data/o1", "x"));
    scratch_shell(&f.scratch,
                  "python3 -B -c \""
                  "import os, sys; sys.path.insert(0, '%s'); from s3_client import S3Client\n"
                  "c = S3Client(os.environ['S3_ENDPOINT'], os.environ['S3_ACCESS_KEY'],"
                  " os.environ['S3_SECRET_KEY'])\n"
                  "for n in ('data/', 'data/a b', 'data/<&\\x07', 'data/\\u00e4', 'data/x%%41'):\n"
                  "    c.put(os.environ['S3_BUCKET'], 'foreign/' + n, b'x')\n\"",
                  TEST_SOURCE_DIR "/tests/support");

    MUST(&f, object_store_list(f.store, "data/", on_seen, &seen, &f.err));
    cr_expect(eq(sz, seen.count, 1));
    cr_expect(not(seen.foreign));
}

static enum status on_seen_enough(void *context, const char *name, uint64_t size, struct error *err)
{
    (void)context;
    (void)name;
    (void)size;
    return FAIL(err, STATUS_CANCELED, "enough");
}

Test(object_store_s3, ends_a_listing_with_its_callback)
{
    start("enough");
    MUST(&f, put_text("data/o1", "x"));
    MUST(&f, put_text("data/o2", "x"));

    cr_expect(eq(int, (int)object_store_list(f.store, "data/", on_seen_enough, NULL, &f.err),
                 (int)STATUS_CANCELED));
    cr_expect(eq(str, f.err.text, "enough"));
}

Test(object_store_s3, speaks_to_a_bucket_in_the_name_of_the_host)
{
    char server[64];
    start("virtual");
    (void)snprintf(server, sizeof(server), "http://localhost%s",
                   strrchr(s3_environment("S3_ENDPOINT"), ':'));
    f.options.server = server;
    f.options.path_style = false;
    s3_fixture_open(&f);

    MUST(&f, put_text("config", "there"));
    f.options.server = s3_environment("S3_ENDPOINT");
    f.options.path_style = true;
    s3_fixture_open(&f);

    expect_text("config", "there");
}

Test(object_store_s3, says_that_the_keys_are_wrong_without_naming_them)
{
    struct buffer buffer;
    start("wrong");
    s3_write_keys(&f, s3_environment("S3_ACCESS_KEY"), "notTheSecretKey", "");
    s3_fixture_open(&f);
    buffer_init(&buffer, 10);

    cr_expect(
        eq(int, (int)object_store_get(f.store, "config", &buffer, &f.err), (int)STATUS_FORBIDDEN));
    cr_expect(eq(str, f.err.reason, "bucket_forbidden"));
    cr_expect(
        eq(str, f.err.text, "bucket 'nightly': get 'config': the server says 403 AccessDenied"));
    s3_write_keys(&f, "AKNOBODY", "notTheSecretKey", "");
    s3_fixture_open(&f);
    cr_expect(eq(int, (int)put_text("config", "x"), (int)STATUS_FORBIDDEN));
    cr_expect(
        eq(str, f.err.text, "bucket 'nightly': put 'config': the server says 403 AccessDenied"));
    buffer_done(&buffer);
}

Test(object_store_s3, takes_the_keys_that_were_changed_meanwhile)
{
    start("rotated");
    s3_write_keys(&f, s3_environment("S3_ACCESS_KEY"), "expired", "");
    s3_fixture_open(&f);
    s3_write_keys(&f, s3_environment("S3_ACCESS_KEY"), s3_environment("S3_SECRET_KEY"), "");

    MUST(&f, put_text("config", "rotated"));

    expect_text("config", "rotated");
}

/* What sts:GetSessionToken gives for our keys. */
Test(object_store_s3, uses_temporary_keys)
{
    start("temporary");
    char *answer =
        scratch_output(&f.scratch,
                       "python3 -B -c \"import os, sys; sys.path.insert(0, '%s')\n"
                       "from s3_client import S3Client\n"
                       "c = S3Client(os.environ['S3_ENDPOINT'], os.environ['S3_ACCESS_KEY'],"
                       " os.environ['S3_SECRET_KEY'])\n"
                       "print(*c.session_token())\"",
                       TEST_SOURCE_DIR "/tests/support");
    char access_key[200];
    char secret_key[200];
    char token[3000];
    cr_assert(eq(int, sscanf(answer, "%199s %199s %2999s", access_key, secret_key, token), 3), "%s",
              answer);
    free(answer);
    s3_write_keys(&f, access_key, secret_key, token);
    s3_fixture_open(&f);

    MUST(&f, put_text("config", "with a token"));

    expect_text("config", "with a token");
    s3_write_keys(&f, access_key, secret_key, "");
    s3_fixture_open(&f);
    cr_expect(eq(int, (int)put_text("config", "without"), (int)STATUS_FORBIDDEN));
}

Test(object_store_s3, tells_a_missing_bucket_from_a_missing_object)
{
    struct seen seen = {0};
    struct buffer buffer;
    start("missing");
    f.options.bucket = "no-such-bucket";
    s3_fixture_open(&f);
    buffer_init(&buffer, 10);

    cr_expect(eq(int, (int)object_store_get(f.store, "config", &buffer, &f.err),
                 (int)STATUS_UNAVAILABLE));
    cr_expect(eq(str, f.err.reason, "bucket_missing"));
    cr_expect(
        eq(str, f.err.text, "bucket 'nightly': get 'config': the server says 404 NoSuchBucket"));
    cr_expect(eq(int, (int)put_text("config", "x"), (int)STATUS_UNAVAILABLE));
    cr_expect(eq(str, f.err.reason, "bucket_missing"));
    cr_expect(eq(int, (int)object_store_list(f.store, "data/", on_seen, &seen, &f.err),
                 (int)STATUS_UNAVAILABLE));
    cr_expect(eq(str, f.err.reason, "bucket_missing"));
    cr_expect(
        eq(int, (int)object_store_delete(f.store, "config", &f.err), (int)STATUS_UNAVAILABLE));
    buffer_done(&buffer);
}
