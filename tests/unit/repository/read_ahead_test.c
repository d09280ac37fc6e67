/* Trees that are fetched with their neighbours are the trees that were saved. */
#include "core/cleanup.h"
#include "tests/support/repository_fixture.h"

#include <stdlib.h>
#include <string.h>

enum { TREES = 3000, TREE_MAX = 3000, LARGE = 3 * 1024 * 1024 };

static struct fixture f;

static void set_up(void)
{
    fixture_open(&f);
}

static void tear_down(void)
{
    fixture_close(&f);
}

TestSuite(read_ahead, .init = set_up, .fini = tear_down);

static unsigned next_random(unsigned *state)
{
    return *state = *state * 1103515245u + 12345u;
}

/* Bytes that do not shrink, the same for the same number. */
static size_t make(unsigned number, unsigned char *bytes)
{
    unsigned state = number + 1;
    size_t len = number == TREES / 2 ? (size_t)LARGE : 100 + next_random(&state) % (TREE_MAX - 100);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(next_random(&state) >> 16);
    return len;
}

static struct blob_id ids[TREES];
static unsigned char bytes[LARGE];

static void save_all(void)
{
    bool known = false;
    for (unsigned i = 0; i < TREES; i++) {
        size_t len = make(i, bytes);
        MUST(&f,
             repository_save_blob(f.repository, BLOB_TREE, bytes, len, &ids[i], &known, &f.err));
    }
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_reopen(&f);
    repository_expect_latency(f.repository, NULL);
}

static void expect_tree(unsigned number)
{
    CLEANUP(buffer_done) struct buffer found;
    buffer_init(&found, LARGE);
    MUST(&f, repository_load_blob(f.repository, BLOB_TREE, &ids[number], &found, &f.err));
    size_t len = make(number, bytes);
    cr_assert(found.len == len && memcmp(found.bytes, bytes, len) == 0, "tree %u", number);
}

Test(read_ahead, finds_every_tree_in_any_order)
{
    unsigned state = 1;
    save_all();

    for (unsigned i = 0; i < TREES; i++)
        expect_tree(i);
    for (unsigned i = 0; i < TREES / 4; i++)
        expect_tree((next_random(&state) >> 8) % TREES);
    for (unsigned i = TREES; i-- > 0;)
        expect_tree(i);
}

Test(read_ahead, says_that_a_pack_is_missing)
{
    CLEANUP(buffer_done) struct buffer found;
    buffer_init(&found, LARGE);
    save_all();
    scratch_shell(&f.scratch, "rm -r bucket/shop/data/*/*");

    EXPECT_STATUS(&f, repository_load_blob(f.repository, BLOB_TREE, &ids[0], &found, &f.err),
                  STATUS_CORRUPT);
}
