/* Several threads that save through one handle. */
#include "repository/snapshot.h"
#include "tests/support/repository_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 4,
    BLOBS = 1500,
    BLOB_BYTES = 30000,
    ENDLESS = 6000 /* blobs of one thread: more than ten packs */
};

static struct fixture f;

static void open_repository(void)
{
    fixture_open(&f);
}

static void close_all(void)
{
    fixture_close(&f);
}

TestSuite(threads, .init = open_repository, .fini = close_all);

struct saver {
    pthread_t thread;
    size_t first; /* where in the common list it begins */
    size_t stored;
    enum status status;
    struct blob_id ids[BLOBS];
};

static void fill(unsigned char *bytes, size_t number)
{
    uint64_t seed = number + 1;
    for (size_t i = 0; i < BLOB_BYTES; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(seed >> 56);
    }
}

static void *save_all(void *context)
{
    struct saver *saver = context;
    unsigned char *bytes = malloc(BLOB_BYTES);
    for (size_t i = 0; i < BLOBS && saver->status == STATUS_OK; i++) {
        size_t number = (saver->first + i) % BLOBS;
        struct error err = {0};
        bool known = false;
        fill(bytes, number);
        saver->status = repository_save_blob(f.repository, BLOB_DATA, bytes, BLOB_BYTES,
                                             &saver->ids[number], &known, &err);
        saver->stored += !known;
    }
    free(bytes);
    return NULL;
}

/* Saves blobs that nobody else has, until one fails. */
static void *save_until_one_fails(void *context)
{
    struct saver *saver = context;
    unsigned char *bytes = malloc(BLOB_BYTES);
    for (size_t i = 0; i < ENDLESS && saver->status == STATUS_OK; i++) {
        struct error err = {0};
        struct blob_id id;
        bool known = false;
        fill(bytes, saver->first + i);
        saver->status =
            repository_save_blob(f.repository, BLOB_DATA, bytes, BLOB_BYTES, &id, &known, &err);
    }
    free(bytes);
    return NULL;
}

static struct saver *run_savers(void *(*save)(void *), size_t step)
{
    struct saver *savers = calloc(THREADS, sizeof(*savers));
    for (size_t i = 0; i < THREADS; i++) {
        savers[i].first = i * step;
        cr_assert(eq(int, pthread_create(&savers[i].thread, NULL, save, &savers[i]), 0));
    }
    for (size_t i = 0; i < THREADS; i++)
        cr_assert(eq(int, pthread_join(savers[i].thread, NULL), 0));
    return savers;
}

static void expect_each_stored_once(size_t step)
{
    struct saver *savers = run_savers(save_all, step);
    size_t stored = 0;
    for (size_t i = 0; i < THREADS; i++) {
        cr_expect(eq(int, (int)savers[i].status, (int)STATUS_OK));
        cr_expect(memcmp(savers[i].ids, savers[0].ids, sizeof(savers[0].ids)) == 0);
        stored += savers[i].stored;
    }
    cr_expect(eq(sz, stored, (size_t)BLOBS));
    MUST(&f, repository_flush(f.repository, &f.err));
    struct repository_statistics statistics;
    repository_get_statistics(f.repository, &statistics);
    cr_expect(eq(u64, statistics.data_blobs, (uint64_t)BLOBS));

    fixture_reopen(&f);
    unsigned char *bytes = malloc(BLOB_BYTES);
    struct buffer buffer;
    buffer_init(&buffer, BLOB_BYTES);
    for (size_t i = 0; i < BLOBS; i++) {
        fill(bytes, i);
        MUST(&f, repository_load_blob(f.repository, BLOB_DATA, &savers[0].ids[i], &buffer, &f.err));
        cr_assert(memcmp(buffer.bytes, bytes, BLOB_BYTES) == 0);
    }
    buffer_done(&buffer);
    free(bytes);
    free(savers);
}

Test(threads, that_save_the_same_blob_at_the_same_time_store_it_once)
{
    expect_each_stored_once(0);
}

Test(threads, that_come_to_the_same_blobs_in_another_order_store_each_once)
{
    expect_each_stored_once(BLOBS / THREADS);
}

Test(threads, store_each_once_also_by_several_uploads)
{
    repository_set_uploads(f.repository, 3);
    expect_each_stored_once(BLOBS / THREADS);
}

Test(threads, all_stop_when_a_pack_of_one_cannot_be_stored)
{
    scratch_shell(&f.scratch, "rm -r bucket && touch bucket");

    struct saver *savers = run_savers(save_until_one_fails, ENDLESS);

    size_t failed = 0;
    for (size_t i = 0; i < THREADS; i++)
        failed += savers[i].status != STATUS_OK;
    cr_expect(eq(sz, failed, (size_t)THREADS));
    cr_expect(ne(int, (int)repository_flush(f.repository, &f.err), (int)STATUS_OK));
    free(savers);
}
