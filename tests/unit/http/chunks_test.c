#include "src/http/chunks.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static struct evbuffer *input;
static struct chunks chunks;
static char body[256];
static size_t body_len;

static void begin(void)
{
    input = evbuffer_new();
    cr_assert(ne(ptr, input, NULL));
}

static void end(void)
{
    evbuffer_free(input);
}

TestSuite(chunks, .init = begin, .fini = end);

/* Takes what is there, as the server does. */
static enum chunks_result take(void)
{
    enum chunks_result result;
    while ((result = chunks_next(&chunks, input)) == CHUNKS_HAVE_DATA &&
           evbuffer_get_length(input) > 0) {
        size_t len = evbuffer_get_length(input);
        if (len > chunks.left)
            len = (size_t)chunks.left;
        cr_assert(le(sz, len, sizeof(body) - 1 - body_len));
        (void)evbuffer_remove(input, body + body_len, len);
        body_len += len;
        body[body_len] = '\0';
        chunks_taken(&chunks, len);
    }
    return result;
}

/* In pieces of this size. */
static enum chunks_result feed(const char *text, size_t len, size_t piece)
{
    enum chunks_result result = CHUNKS_NEED_MORE;
    for (size_t at = 0; at < len && result != CHUNKS_BROKEN; at += piece) {
        (void)evbuffer_add(input, text + at, piece < len - at ? piece : len - at);
        result = take();
    }
    return result;
}

Test(chunks, are_put_together_in_whatever_pieces_they_come)
{
    static const char text[] = "3;a=b\r\none\r\n0A\r\n0123456789\r\n0;x\r\nT: u\r\n\r\nrest";

    for (size_t piece = 1; piece < sizeof(text); piece++) {
        chunks = (struct chunks){.place = CHUNKS_SIZE};
        body_len = 0;
        (void)evbuffer_drain(input, evbuffer_get_length(input));
        enum chunks_result result = feed(text, sizeof(text) - 5, piece);

        cr_assert(eq(int, result, CHUNKS_ENDED), "pieces of %zu", piece);
        cr_assert(eq(str, body, "one0123456789"), "pieces of %zu", piece);
        cr_assert(eq(sz, evbuffer_get_length(input), 0), "pieces of %zu", piece);
    }
}

Test(chunks, leave_what_is_behind_them)
{
    cr_assert(eq(int, feed("0\r\n\r\nGET", 8, 8), CHUNKS_ENDED));

    cr_assert(eq(sz, evbuffer_get_length(input), 3));
}

Test(chunks, may_be_as_large_as_a_number_holds_and_no_larger)
{
    cr_assert(eq(int, feed("ffffffffffffffff\r\n", 18, 18), CHUNKS_HAVE_DATA));
    cr_assert(eq(u64, chunks.left, UINT64_MAX));

    chunks = (struct chunks){.place = CHUNKS_SIZE};
    cr_assert(eq(int, feed("10000000000000000\r\n", 19, 19), CHUNKS_BROKEN));
}

Test(chunks, have_lines_and_trailers_of_bounded_length)
{
    static char line[2 * CHUNK_LINE_BYTES_MAX];
    memset(line, '0', sizeof(line));
    cr_assert(eq(int, feed(line, CHUNK_LINE_BYTES_MAX - 1, 512), CHUNKS_NEED_MORE));
    cr_assert(eq(int, feed(line, 1, 1), CHUNKS_BROKEN));

    (void)evbuffer_drain(input, evbuffer_get_length(input));
    chunks = (struct chunks){.place = CHUNKS_SIZE};
    cr_assert(eq(int, feed("0\r\n", 3, 3), CHUNKS_NEED_MORE));
    enum chunks_result result = CHUNKS_NEED_MORE;
    size_t fields = 0;
    for (; result == CHUNKS_NEED_MORE && fields <= CHUNK_LINE_BYTES_MAX; fields++)
        result = feed("A: b\r\n", 6, 6);
    cr_assert(eq(int, result, CHUNKS_BROKEN));
    cr_assert(eq(sz, fields, CHUNK_LINE_BYTES_MAX / 4 + 1));
}
