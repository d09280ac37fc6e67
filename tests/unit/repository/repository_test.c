#include "core/file.h"
#include "repository/snapshot.h"
#include "src/repository/repository_internal.h"
#include "tests/support/repository_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;

static void open_store(void)
{
    fixture_open_store(&f);
}

static void open_repository(void)
{
    fixture_open(&f);
}

static void close_all(void)
{
    fixture_close(&f);
}

TestSuite(repository_open, .init = open_repository, .fini = close_all);
TestSuite(repository_create, .init = open_store, .fini = close_all);
TestSuite(repository_save_blob, .init = open_repository, .fini = close_all);
TestSuite(repository_load_blob, .init = open_repository, .fini = close_all);
TestSuite(repository_load_index, .init = open_repository, .fini = close_all);

static struct blob_id save(enum blob_type type, const void *bytes, size_t len)
{
    struct blob_id id;
    bool known = false;
    MUST(&f, repository_save_blob(f.repository, type, bytes, len, &id, &known, &f.err));
    return id;
}

static void expect_loads(enum blob_type type, const struct blob_id *id, const void *bytes,
                         size_t len)
{
    struct buffer buffer;
    buffer_init(&buffer, 64 << 20);
    MUST(&f, repository_load_blob(f.repository, type, id, &buffer, &f.err));
    cr_expect(eq(sz, buffer.len, len));
    cr_expect(memcmp(buffer.bytes, bytes, len) == 0);
    buffer_done(&buffer);
}

static void fill(unsigned char *bytes, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (unsigned char)(seed >> 56);
    }
}

Test(repository_open, tells_what_is_wrong)
{
    struct repository *none = NULL;
    struct object_store *empty = NULL;
    EXPECT_STATUS(&f, repository_open(f.store, "wrong", &none, &f.err), STATUS_FORBIDDEN);
    cr_expect(strstr(f.err.text, "passphrase") != NULL, "%s", f.err.text);

    scratch_shell(&f.scratch, "mkdir empty");
    MUST(&f, object_store_open_directory("empty", scratch_path(&f.scratch, "empty"), "", &empty,
                                         &f.err));
    EXPECT_STATUS(&f, repository_open(empty, PASSPHRASE, &none, &f.err), STATUS_NOT_FOUND);
    object_store_close(empty);

    scratch_shell(&f.scratch, "cd bucket/shop; mv keys away");
    EXPECT_STATUS(&f, repository_open(f.store, PASSPHRASE, &none, &f.err), STATUS_FORBIDDEN);
    scratch_shell(&f.scratch,
                  "cd bucket/shop; mv away keys; chmod 600 config; change_byte config 40");
    EXPECT_STATUS(&f, repository_open(f.store, PASSPHRASE, &none, &f.err), STATUS_CORRUPT);
    cr_expect(strstr(f.err.text, "config") != NULL, "%s", f.err.text);
    cr_expect(none == NULL);
}

Test(repository_open, passes_over_key_files_that_are_damaged)
{
    char name[65];
    (void)memset(name, '0', 64);
    name[64] = '\0';
    scratch_shell(&f.scratch, "echo '{' >bucket/shop/keys/%s", name);
    fixture_reopen(&f);
}

Test(repository_open, needs_no_passphrase_with_the_key)
{
    unsigned char key[REPOSITORY_KEY_BYTES];
    struct repository *second = NULL;
    struct blob_id id;
    bool known = false;
    repository_get_key(f.repository, key);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "x", 1, &id, &known, &f.err));
    MUST(&f, repository_flush(f.repository, &f.err));

    scratch_shell(&f.scratch, "mv bucket/shop/keys away");
    MUST(&f, repository_open_with_key(f.store, key, &second, &f.err));
    MUST(&f, repository_load_index(second, NULL, &f.err));
    cr_expect(repository_has_blob(second, BLOB_DATA, &id));
    repository_close(second);
}

Test(repository_open, does_not_take_the_key_of_another_repository)
{
    unsigned char key[REPOSITORY_KEY_BYTES];
    struct repository *none = NULL;
    repository_get_key(f.repository, key);
    key[0] ^= 1;
    EXPECT_STATUS(&f, repository_open_with_key(f.store, key, &none, &f.err), STATUS_FORBIDDEN);
    scratch_shell(&f.scratch, "rm -f bucket/shop/config");
    EXPECT_STATUS(&f, repository_open_with_key(f.store, key, &none, &f.err), STATUS_NOT_FOUND);
    cr_expect(none == NULL);
}

Test(repository_create, refuses_to_touch_what_is_there)
{
    struct repository *second = NULL;
    MUST(&f, repository_create(f.store, PASSPHRASE, &f.repository, &f.err));
    EXPECT_STATUS(&f, repository_create(f.store, PASSPHRASE, &second, &f.err), STATUS_CONFLICT);
    scratch_shell(&f.scratch, "rm -f bucket/shop/config");
    EXPECT_STATUS(&f, repository_create(f.store, PASSPHRASE, &second, &f.err), STATUS_CONFLICT);
    cr_expect(second == NULL);
}

Test(repository_create, is_finished_by_the_next_after_a_crash_before_the_config)
{
    struct blob_id id;
    bool known = false;
    MUST(&f, repository_open_or_create(f.store, PASSPHRASE, &f.repository, &f.err));
    repository_close(f.repository);
    scratch_shell(&f.scratch, "rm -f bucket/shop/config; ls bucket/shop/keys >before");

    MUST(&f, repository_open_or_create(f.store, PASSPHRASE, &f.repository, &f.err));

    scratch_shell(&f.scratch, "ls bucket/shop/keys | cmp - before");
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "x", 1, &id, &known, &f.err));
}

Test(repository_create, goes_on_beside_a_key_of_another_passphrase)
{
    MUST(&f, repository_open_or_create(f.store, "another passphrase", &f.repository, &f.err));
    repository_close(f.repository);
    scratch_shell(&f.scratch, "rm -f bucket/shop/config");

    MUST(&f, repository_open_or_create(f.store, PASSPHRASE, &f.repository, &f.err));

    scratch_shell(&f.scratch, "test $(ls bucket/shop/keys | wc -l) = 2");
    fixture_reopen(&f);
}

Test(repository_create, refuses_to_guess_where_data_lost_their_config)
{
    struct repository *none = NULL;
    scratch_shell(&f.scratch, "mkdir -p bucket/shop/data/00; touch bucket/shop/data/00/x");
    EXPECT_STATUS(&f, repository_open_or_create(f.store, PASSPHRASE, &none, &f.err),
                  STATUS_CORRUPT);
    scratch_shell(&f.scratch, "test ! -e bucket/shop/keys");
}

Test(repository_save_blob, stores_once)
{
    struct blob_id first, second;
    struct repository_statistics statistics;
    bool known = true;
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "abc", 3, &first, &known, &f.err));
    cr_expect(not(known));
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "abc", 3, &second, &known, &f.err));
    cr_expect(known);
    cr_expect(memcmp(&first, &second, sizeof(first)) == 0);
    MUST(&f, repository_save_blob(f.repository, BLOB_TREE, "abc", 3, &second, &known, &f.err));
    cr_expect(not(known), "trees and data are two spaces");

    char text[BLOB_ID_TEXT_SIZE];
    blob_id_to_text(&first, text);
    cr_expect(eq(str, text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    MUST(&f, repository_flush(f.repository, &f.err));
    repository_get_statistics(f.repository, &statistics);
    cr_expect(eq(u64, statistics.data_blobs, (uint64_t)1));
    cr_expect(eq(u64, statistics.tree_blobs, (uint64_t)1));
    cr_expect(eq(u64, statistics.bytes_added, (uint64_t)6));

    fixture_reopen(&f);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "abc", 3, &second, &known, &f.err));
    cr_expect(known, "after a reopening");
}

static uint64_t verified_of(size_t count)
{
    struct repository_statistics before, after;
    static uint32_t number;
    repository_get_statistics(f.repository, &before);
    for (size_t i = 0; i < count; i++, number++)
        (void)save(BLOB_DATA, &number, sizeof(number));
    repository_get_statistics(f.repository, &after);
    return after.blobs_verified - before.blobs_verified;
}

Test(repository_save_blob, reads_back_a_sample_or_all)
{
    size_t count = (size_t)EXTRA_VERIFY_EVERY * 5;

    cr_expect(eq(u64, verified_of(1), (uint64_t)1), "the first of a pack");
    cr_expect(eq(u64, verified_of(count - 1), (uint64_t)4));
    (void)save(BLOB_TREE, "t", 1);
    (void)save(BLOB_TREE, "tt", 2);
    struct repository_statistics statistics;
    repository_get_statistics(f.repository, &statistics);
    cr_expect(eq(u64, statistics.blobs_verified, (uint64_t)5 + 2), "and all trees");

    repository_set_extra_verify(f.repository, EXTRA_VERIFY_ALL);
    cr_expect(eq(u64, verified_of(count), (uint64_t)count));
}

Test(repository_save_blob, refuses_an_empty_blob)
{
    struct blob_id id;
    bool known = false;
    EXPECT_STATUS(&f, repository_save_blob(f.repository, BLOB_DATA, "", 0, &id, &known, &f.err),
                  STATUS_TOO_LARGE);
}

Test(repository_save_blob, closes_packs_at_16_mib)
{
    size_t len = 5 << 20;
    unsigned char *bytes = malloc(len);
    struct blob_id ids[7];
    for (int i = 0; i < 7; i++) {
        fill(bytes, len, (uint64_t)i);
        ids[i] = save(BLOB_DATA, bytes, len);
    }
    MUST(&f, repository_flush(f.repository, &f.err));
    char *packs = scratch_output(&f.scratch, "find bucket/shop/data -type f | wc -l; "
                                             "find bucket/shop/data -type f -size +25M");
    cr_expect(eq(str, packs, "2"));
    free(packs);
    fixture_reopen(&f);
    for (int i = 0; i < 7; i++) {
        fill(bytes, len, (uint64_t)i);
        expect_loads(BLOB_DATA, &ids[i], bytes, len);
    }
    free(bytes);
}

Test(repository_save_blob, takes_blobs_of_any_size)
{
    static const size_t lengths[] = {1, 1000, 8 << 20, (8 << 20) + 1, 40 << 20};
    unsigned char *bytes = malloc(40 << 20);
    struct blob_id ids[5];
    fill(bytes, 40 << 20, 5);
    for (size_t i = 0; i < 5; i++)
        ids[i] = save(BLOB_TREE, bytes, lengths[i]);
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_reopen(&f);
    for (size_t i = 0; i < 5; i++)
        expect_loads(BLOB_TREE, &ids[i], bytes, lengths[i]);
    free(bytes);
}

/* Whole blocks of zstd, so that a frame ends where a piece of the reader does. */
Test(repository_save_blob, takes_runs_of_zeros)
{
    unsigned char *zeros = calloc(1, 1 << 20);
    for (size_t len = 128 << 10; len <= 1 << 20; len += 128 << 10) {
        struct blob_id id = save(BLOB_DATA, zeros, len);
        expect_loads(BLOB_DATA, &id, zeros, len);
    }
    free(zeros);
}

Test(repository_save_blob, writes_an_index_before_more_than_50000_blobs_wait)
{
    size_t padding = 400;
    unsigned char bytes[400];
    for (uint32_t i = 0; i < 140000; i++) {
        fill(bytes, padding, i);
        (void)save(BLOB_DATA, bytes, padding);
    }
    char *count = scratch_output(&f.scratch, "ls bucket/shop/index | wc -l");
    cr_expect(eq(str, count, "1"), "%s", count);
    free(count);
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_reopen(&f);
    fill(bytes, padding, 129999);
    struct blob_id id;
    bool known = false;
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, bytes, padding, &id, &known, &f.err));
    cr_expect(known);
}

Test(repository_save_blob, writes_an_index_before_more_than_64_mebibytes_wait)
{
    enum { MEBIBYTES = 84, PACK_MEBIBYTES = 16 };

    unsigned char *bytes = malloc(1 << 20);
    struct blob_id first = {0};
    for (uint32_t i = 0; i < MEBIBYTES; i++) {
        fill(bytes, 1 << 20, i);
        struct blob_id id = save(BLOB_DATA, bytes, 1 << 20);
        first = i == 0 ? id : first;
    }

    fixture_reopen(&f); /* as after a crash: nothing was flushed */

    fill(bytes, 1 << 20, 0);
    expect_loads(BLOB_DATA, &first, bytes, 1 << 20);
    struct blob_id id;
    bool known = false;
    fill(bytes, 1 << 20, 64 - PACK_MEBIBYTES);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, bytes, 1 << 20, &id, &known, &f.err));
    cr_expect(known);
    fill(bytes, 1 << 20, MEBIBYTES - 1);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, bytes, 1 << 20, &id, &known, &f.err));
    cr_expect(not(known), "what was in memory only");
    free(bytes);
}

Test(repository_save_blob, says_no_for_good_after_a_pack_was_lost)
{
    struct blob_id id;
    bool known = false;
    (void)save(BLOB_DATA, "abc", 3);
    scratch_shell(&f.scratch, "touch bucket/shop/data"); /* a file where a directory must be */
    EXPECT_STATUS(&f, repository_flush(f.repository, &f.err), STATUS_NOT_FOUND);
    scratch_shell(&f.scratch, "rm bucket/shop/data");
    EXPECT_STATUS(&f, repository_flush(f.repository, &f.err), STATUS_NOT_FOUND);
    cr_expect(strstr(f.err.text, "earlier write failed") != NULL, "%s", f.err.text);
    EXPECT_STATUS(&f, repository_save_blob(f.repository, BLOB_DATA, "x", 1, &id, &known, &f.err),
                  STATUS_NOT_FOUND);
    struct repository_snapshot snapshot = {.tree = id};
    EXPECT_STATUS(&f, repository_save_snapshot(f.repository, &snapshot, &f.err), STATUS_NOT_FOUND);
}

Test(repository_load_blob, finds_what_is_still_in_memory)
{
    struct blob_id data = save(BLOB_DATA, "abc", 3), tree = save(BLOB_TREE, "{}", 2);
    expect_loads(BLOB_DATA, &data, "abc", 3);
    expect_loads(BLOB_TREE, &tree, "{}", 2);
}

static void damage(const char *how)
{
    struct buffer buffer;
    struct blob_id id = save(BLOB_DATA, "abcdefghijklmnopqrstuvwxyz", 26);
    MUST(&f, repository_flush(f.repository, &f.err));
    fixture_reopen(&f);
    scratch_shell(&f.scratch, "p=$(find bucket/shop/data -type f); chmod 600 $p; %s", how);
    buffer_init(&buffer, 1000);
    EXPECT_STATUS(&f, repository_load_blob(f.repository, BLOB_DATA, &id, &buffer, &f.err),
                  STATUS_CORRUPT);
    cr_expect(strncmp(f.err.text, "blob 71c480df", 13) == 0, "%s", f.err.text);
    cr_expect(eq(sz, buffer.len, (size_t)0));
    buffer_done(&buffer);
}

Test(repository_load_blob, notices_a_changed_byte)
{
    damage("change_byte $p 20");
    cr_expect(strstr(f.err.text, "pack ") != NULL, "%s", f.err.text);
}

Test(repository_load_blob, notices_a_pack_cut_short)
{
    damage("truncate -s 30 $p");
}

Test(repository_load_blob, notices_a_missing_pack)
{
    damage("rm $p");
}

Test(repository_load_blob, keeps_the_buffers_limit)
{
    struct buffer buffer;
    struct blob_id id = save(BLOB_DATA, "abcdef", 6);
    buffer_init(&buffer, 5);
    EXPECT_STATUS(&f, repository_load_blob(f.repository, BLOB_DATA, &id, &buffer, &f.err),
                  STATUS_TOO_LARGE);
    buffer_done(&buffer);
}

Test(repository_load_blob, says_that_no_index_knows_it)
{
    struct buffer buffer;
    struct blob_id id = {{1}};
    buffer_init(&buffer, 5);
    EXPECT_STATUS(&f, repository_load_blob(f.repository, BLOB_DATA, &id, &buffer, &f.err),
                  STATUS_CORRUPT);
    cr_expect(strstr(f.err.text, "index") != NULL);
    buffer_done(&buffer);
}

Test(repository_load_index, notices_damage_and_knows_nothing_then)
{
    struct blob_id id = save(BLOB_DATA, "abc", 3);
    MUST(&f, repository_flush(f.repository, &f.err));
    scratch_shell(&f.scratch,
                  "p=$(find bucket/shop/index -type f); chmod 600 $p; change_byte $p 20");
    EXPECT_STATUS(&f, repository_load_index(f.repository, NULL, &f.err), STATUS_CORRUPT);
    cr_expect(strstr(f.err.text, "index/") != NULL, "%s", f.err.text);
    cr_expect(not(repository_has_blob(f.repository, BLOB_DATA, &id)));
}

Test(repository_load_index, can_be_cancelled)
{
    struct cancel cancel;
    (void)save(BLOB_DATA, "abc", 3);
    MUST(&f, repository_flush(f.repository, &f.err));
    MUST(&f, cancel_init(&cancel, &f.err));
    cancel_request(&cancel, STATUS_CANCELED);
    EXPECT_STATUS(&f, repository_load_index(f.repository, &cancel, &f.err), STATUS_CANCELED);
    cancel_done(&cancel);
}

Test(repository_load_index, does_not_forget_what_was_not_flushed)
{
    (void)save(BLOB_DATA, "abc", 3);
    EXPECT_STATUS(&f, repository_load_index(f.repository, NULL, &f.err), STATUS_CONFLICT);
}

Test(repository_config, of_others_may_forbid_writing)
{
    static const struct {
        const char *members;
        bool writable;
    } cases[] = {
        {"\"version\":2", true},
        {"\"version\":2,\"chunker\":\"Rabin\",\"compression\":3", true},
        {"\"version\":2,\"chunker\":null", true},
        {"\"version\":1", false},
        {"\"version\":2,\"chunker\":\"FixedSize\"", false},
        {"\"version\":2,\"chunk_max_size\":1024", false},
    };
    struct error err = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        struct repository_config config;
        (void)snprintf(text, sizeof(text), "{%s,\"chunker_polynomial\":\"3da3358b4dc173\"}",
                       cases[i].members);
        cr_expect(eq(int, (int)config_read(text, strlen(text), &config, &err), (int)STATUS_OK),
                  "%s", err.text);
        cr_expect(eq(int, config.read_only == NULL, cases[i].writable), "%s", text);
    }
}

Test(repository_config, refuses_what_is_none)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"", STATUS_CORRUPT},
        {"{}", STATUS_CORRUPT},
        {"{\"version\":3,\"chunker_polynomial\":\"3da3358b4dc173\"}", STATUS_UNSUPPORTED},
        {"{\"version\":2}", STATUS_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"\"}", STATUS_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"3da3358b4dc172\"}", STATUS_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"11b\"}", STATUS_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"0x3da3358b4dc173\"}", STATUS_CORRUPT},
        {"{\"version\":2,\"chunker_polynomial\":\"3da3358b4dc1733da3358b4dc173\"}", STATUS_CORRUPT},
    };
    struct error err = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct repository_config config;
        cr_expect(eq(int, (int)config_read(cases[i].text, strlen(cases[i].text), &config, &err),
                     (int)cases[i].status),
                  "%s: %s", cases[i].text, err.text);
    }
}
