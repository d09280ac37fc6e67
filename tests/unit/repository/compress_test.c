#include "src/repository/compress.h"

#include "src/repository/crypto.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <zstd.h>

#include <string.h>

static struct compressor *compressor;
static struct buffer buffer;
static struct error err;

static void open_compressor(void)
{
    cr_assert(eq(int, (int)compressor_new(&compressor, &err), (int)STATUS_OK));
    buffer_init(&buffer, 1 << 20);
}

static void close_compressor(void)
{
    compressor_free(compressor);
    buffer_done(&buffer);
}

TestSuite(compressor_shrink, .init = open_compressor, .fini = close_compressor);
TestSuite(compressor_expand, .init = open_compressor, .fini = close_compressor);

enum { PLAIN_LEN = 300000 };

static const unsigned char *plain(void)
{
    static unsigned char bytes[PLAIN_LEN];
    for (size_t i = 0; i < PLAIN_LEN; i++)
        bytes[i] = (unsigned char)(i % 251 * (i / 4096));
    return bytes;
}

static enum status expand(const void *bytes, size_t len, size_t hint)
{
    buffer_clear(&buffer);
    return compressor_expand(compressor, bytes, len, hint, &buffer, &err);
}

static size_t shrink_plain(unsigned char *out, size_t capacity, size_t len)
{
    size_t done = 0;
    cr_assert(le(sz, compressed_max(len), capacity));
    cr_assert(eq(int, (int)compressor_shrink(compressor, plain(), len, out, &done, &err),
                 (int)STATUS_OK));
    return done;
}

static void expect_plain(size_t len)
{
    cr_expect(eq(sz, buffer.len, len));
    cr_expect(memcmp(buffer.bytes, plain(), len) == 0);
}

Test(compressor_shrink, is_undone_by_expand)
{
    static unsigned char out[PLAIN_LEN + 2000];
    static const size_t lengths[] = {100, 131072, PLAIN_LEN};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t len = shrink_plain(out, sizeof(out), lengths[i]);
        cr_assert(eq(int, (int)expand(out, len, 0), (int)STATUS_OK), "%s", err.text);
        expect_plain(lengths[i]);
    }
}

Test(compressor_shrink, leaves_alone_what_does_not_shrink)
{
    static unsigned char random[PLAIN_LEN];
    static unsigned char out[PLAIN_LEN + 2000];
    static const size_t lengths[] = {1, 20, 4096, PLAIN_LEN};
    cr_assert(eq(int, (int)crypto_random(random, sizeof(random), &err), (int)STATUS_OK));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t done = 1;
        cr_assert(eq(int, (int)compressor_shrink(compressor, random, lengths[i], out, &done, &err),
                     (int)STATUS_OK));
        cr_expect(eq(sz, done, (size_t)0), "%zu random bytes", lengths[i]);
    }
}

Test(compressor_shrink, goes_by_more_than_the_beginning)
{
    static unsigned char bytes[PLAIN_LEN];
    static unsigned char out[PLAIN_LEN + 2000];
    size_t done = 0;
    memcpy(bytes, plain(), PLAIN_LEN);
    cr_assert(eq(int, (int)crypto_random(bytes, PLAIN_LEN / 8, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)compressor_shrink(compressor, bytes, PLAIN_LEN, out, &done, &err),
                 (int)STATUS_OK));
    cr_expect(done > 0 && done < PLAIN_LEN / 2);
}

Test(compressor_shrink, does_not_try_what_a_compressor_has_made)
{
    static unsigned char bytes[PLAIN_LEN];
    static unsigned char out[PLAIN_LEN * 2];

    static const struct {
        const char *bytes;
        size_t len;
    } beginnings[] = {{"\x1f\x8b\x08", 3}, {"\3757zXZ\0", 6}, {"\x28\xb5\x2f\xfd", 4}, {"BZh9", 4}};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        size_t done = 1;
        memset(bytes, 'a', sizeof(bytes));
        memcpy(bytes, beginnings[i].bytes, beginnings[i].len);
        cr_assert(eq(int,
                     (int)compressor_shrink(compressor, bytes, sizeof(bytes), out, &done, &err),
                     (int)STATUS_OK));
        cr_expect(eq(sz, done, 0));
    }
}

Test(compressor_shrink, knows_levels)
{
    static unsigned char out[PLAIN_LEN + 2000];
    size_t done[COMPRESSION_COUNT];
    for (int level = COMPRESSION_AUTO; level < COMPRESSION_COUNT; level++) {
        cr_assert(eq(int, (int)compressor_choose(compressor, (enum compression)level, &err),
                     (int)STATUS_OK));
        cr_assert(
            eq(int, (int)compressor_shrink(compressor, plain(), PLAIN_LEN, out, &done[level], &err),
               (int)STATUS_OK));
    }
    cr_expect(eq(sz, done[COMPRESSION_OFF], (size_t)0));
    cr_expect(lt(sz, done[COMPRESSION_BETTER], done[COMPRESSION_AUTO]));
    cr_expect(lt(sz, done[COMPRESSION_FAST], (size_t)PLAIN_LEN / 4));
}

/* Frames without a content size, as rustic writes them. */
static size_t stream_frame(unsigned char *out, size_t capacity, size_t len)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_inBuffer in = {plain(), len, 0};
    ZSTD_outBuffer to = {out, capacity, 0};
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    cr_assert(eq(sz, ZSTD_compressStream2(context, &to, &in, ZSTD_e_end), (size_t)0));
    ZSTD_freeCCtx(context);
    return to.pos;
}

Test(compressor_expand, needs_no_content_size)
{
    static unsigned char out[PLAIN_LEN + 2000];
    size_t len = stream_frame(out, sizeof(out), PLAIN_LEN);
    cr_assert(eq(int, (int)(ZSTD_getFrameContentSize(out, len) == ZSTD_CONTENTSIZE_UNKNOWN), 1));
    for (size_t hint = 0; hint <= 2 * (size_t)PLAIN_LEN; hint += PLAIN_LEN / 2) {
        cr_assert(eq(int, (int)expand(out, len, hint), (int)STATUS_OK), "%s", err.text);
        expect_plain(PLAIN_LEN);
    }
}

Test(compressor_expand, reads_frames_that_follow_each_other)
{
    static unsigned char out[2 * PLAIN_LEN];
    size_t first = stream_frame(out, sizeof(out), PLAIN_LEN);
    size_t second = stream_frame(out + first, sizeof(out) - first, 1000);
    cr_assert(eq(int, (int)expand(out, first + second, 0), (int)STATUS_OK), "%s", err.text);
    cr_assert(eq(sz, buffer.len, (size_t)PLAIN_LEN + 1000));
    cr_assert(memcmp(buffer.bytes + PLAIN_LEN, plain(), 1000) == 0);
}

Test(compressor_expand, keeps_the_limit_whatever_the_frame_says)
{
    static unsigned char out[PLAIN_LEN + 2000];
    size_t len = 0;
    for (int sized = 0; sized < 2; sized++) {
        if (sized)
            len = shrink_plain(out, sizeof(out), PLAIN_LEN);
        else
            len = stream_frame(out, sizeof(out), PLAIN_LEN);
        buffer.max = PLAIN_LEN - 1;
        cr_expect(eq(int, (int)expand(out, len, 0), (int)STATUS_TOO_LARGE), "%s", err.text);
        buffer.max = PLAIN_LEN;
        cr_expect(eq(int, (int)expand(out, len, 0), (int)STATUS_OK), "%s", err.text);
        expect_plain(PLAIN_LEN);
    }
}

Test(compressor_expand, refuses_every_shorter_text)
{
    static unsigned char out[2000];
    size_t len = shrink_plain(out, sizeof(out), 1000);
    for (size_t cut = 0; cut < len; cut++)
        cr_expect(eq(int, (int)expand(out, cut, 0), (int)STATUS_CORRUPT), "%zu", cut);
    cr_expect(eq(int, (int)expand(out, len, 0), (int)STATUS_OK));
}

Test(compressor_expand, refuses_what_is_not_zstd)
{
    cr_expect(eq(int, (int)expand("not zstd at all", 15, 0), (int)STATUS_CORRUPT));
    cr_expect(eq(int, (int)expand("", 0, 0), (int)STATUS_CORRUPT));
}
