/* A store that answers wrongly once is asked again; only what it says twice is believed. */
#include "tests/support/odd_store.h"

#include "repository/pack_reader.h"
#include "repository/snapshot.h"
#include "repository/verify.h"
#include "src/repository/repository_internal.h"
#include "tests/support/repository_fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture f;
static struct odd_store odd;
static struct object_store *store;
static struct repository *repository;
static struct blob_id blob;

#define CONTENT "what was backed up"

/* A repository with a blob, found through the odd store as another process would. */
static void set_up(void)
{
    bool known = false;
    fixture_open(&f);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, CONTENT, sizeof(CONTENT) - 1, &blob,
                                  &known, &f.err));
    MUST(&f, repository_flush(f.repository, &f.err));
    odd_store_open(&odd, f.store, &store);
}

static void tear_down(void)
{
    repository_close(repository);
    repository = NULL;
    object_store_close(store);
    fixture_close(&f);
}

TestSuite(odd_store, .init = set_up, .fini = tear_down);

static void open_odd(void)
{
    MUST(&f, repository_open(store, PASSPHRASE, &repository, &f.err));
}

static void load_odd(void)
{
    open_odd();
    MUST(&f, repository_load_index(repository, NULL, &f.err));
}

static void expect_unreachable(enum status status, const char *text)
{
    cr_expect(eq(int, (int)status, (int)STATUS_UNAVAILABLE), "%s", f.err.text);
    cr_expect(eq(str, f.err.reason, "bucket_unreachable"));
    cr_expect(ne(ptr, strstr(f.err.text, text), NULL), "%s", f.err.text);
}

/* --- opening --- */

static const struct {
    enum odd_kind kind;
    const char *part;
} at_opening[] = {
    {ODD_DAMAGED, "config"},
    {ODD_DAMAGED, "keys/"},
    {ODD_LIST_EMPTY, "keys/"},
};

Test(odd_store, opens_a_repository_all_the_same)
{
    unsigned char key[REPOSITORY_KEY_BYTES];
    for (size_t i = 0; i < sizeof(at_opening) / sizeof(at_opening[0]); i++) {
        odd_store_set(&odd, at_opening[i].kind, at_opening[i].part, 1);

        open_odd();

        cr_expect(zero(int, odd.odd[at_opening[i].kind].times), "%s", at_opening[i].part);
        repository_close(repository);
        repository = NULL;
    }
    repository_get_key(f.repository, key);
    odd_store_set(&odd, ODD_DAMAGED, "config", 1);
    MUST(&f, repository_open_with_key(store, key, &repository, &f.err));
}

Test(odd_store, makes_no_second_repository)
{
    odd_store_set(&odd, ODD_ABSENT, "config", 1);

    MUST(&f, repository_open_or_create(store, PASSPHRASE, &repository, &f.err));

    char *keys = scratch_output(&f.scratch, "ls bucket/shop/keys | wc -l");
    cr_expect(eq(str, keys, "1"));
    free(keys);
}

/* --- listings --- */

Test(odd_store, that_lists_nothing_once_is_asked_again)
{
    odd_store_set(&odd, ODD_LIST_EMPTY, "index/", 1);

    load_odd();

    cr_expect(repository_has_blob(repository, BLOB_DATA, &blob));
}

Test(odd_store, that_never_lists_anything_is_not_believed)
{
    open_odd();
    odd_store_set(&odd, ODD_LIST_EMPTY, "", 1000);

    expect_unreachable(repository_load_index(repository, NULL, &f.err), "is not to be believed");
}

static enum status on_snapshot(UNUSED void *context,
                               UNUSED const struct repository_snapshot *snapshot,
                               UNUSED struct error *err)
{
    return STATUS_OK;
}

Test(odd_store, that_lists_no_snapshots_is_asked_for_the_config)
{
    open_odd();
    MUST(&f, repository_list_snapshots(repository, on_snapshot, NULL, &f.err)); /* there is none */
    odd_store_set(&odd, ODD_LIST_EMPTY, "", 1000);

    expect_unreachable(repository_list_snapshots(repository, on_snapshot, NULL, &f.err),
                       "is not to be believed");
}

/* --- locks --- */

static void lock_from_elsewhere(void)
{
    static const char text[] = "{\"time\":\"2026-01-01T00:00:00Z\",\"exclusive\":true,"
                               "\"hostname\":\"elsewhere\",\"username\":\"root\",\"pid\":1}";
    struct blob_id id;
    MUST(&f, unpacked_save(f.repository, "locks", text, sizeof(text) - 1, &id, &f.err));
}

Test(odd_store, that_tells_no_size_of_a_lock_hides_none)
{
    static const enum odd_kind kinds[] = {ODD_LIST_SIZES, ODD_LIST_ZEROS, ODD_EMPTY, ODD_DAMAGED};

    open_odd();
    lock_from_elsewhere();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        odd_store_set(&odd, kinds[i], "locks/", 1);

        EXPECT_STATUS(&f, repository_check_locks(repository, false, &f.err), STATUS_LOCKED);

        cr_expect(ne(ptr, strstr(f.err.text, "locked exclusively by root@elsewhere"), NULL), "%s",
                  f.err.text);
    }
}

Test(odd_store, that_hides_our_lock_hides_those_of_others)
{
    open_odd();
    MUST(&f, repository_start_lock(repository, false, NULL, &f.err));
    odd_store_set(&odd, ODD_LIST_EMPTY, "locks/", 2);
    MUST(&f, repository_finish_lock(repository, NULL, &f.err));
    MUST(&f, repository_unlock(repository, &f.err));

    MUST(&f, repository_start_lock(repository, false, NULL, &f.err));
    odd_store_set(&odd, ODD_LIST_EMPTY, "locks/", 1000);

    expect_unreachable(repository_finish_lock(repository, NULL, &f.err), "does not list our lock");
    scratch_shell(&f.scratch, "test -z \"$(ls bucket/shop/locks)\"");
}

/* --- blobs --- */

static const enum odd_kind of_blobs[] = {ODD_ABSENT, ODD_SHORT, ODD_DAMAGED};

static void expect_content(const struct buffer *found)
{
    cr_assert(eq(sz, found->len, sizeof(CONTENT) - 1));
    cr_expect(zero(int, memcmp(found->bytes, CONTENT, found->len)));
}

Test(odd_store, gives_a_blob_the_second_time)
{
    load_odd();
    for (size_t i = 0; i < sizeof(of_blobs) / sizeof(of_blobs[0]); i++) {
        struct buffer found;
        buffer_init(&found, 1000);
        odd.looks = 0;
        odd_store_set(&odd, of_blobs[i], "data/", 1);

        MUST(&f, repository_load_blob(repository, BLOB_DATA, &blob, &found, &f.err));

        expect_content(&found);
        cr_expect(eq(int, odd.looks, 1));
        odd_store_set(&odd, of_blobs[i], "data/", 2);
        EXPECT_STATUS(&f, repository_load_blob(repository, BLOB_DATA, &blob, &found, &f.err),
                      STATUS_CORRUPT);
        buffer_done(&found);
    }
}

static enum status on_blob(void *context, UNUSED size_t index, const void *bytes, size_t len,
                           const struct error *damage, struct error *err)
{
    return damage == NULL ? buffer_add(context, bytes, len, err) : STATUS_OK;
}

Test(odd_store, gives_a_restore_its_blob_the_second_time)
{
    struct pack_reader *reader = NULL;
    load_odd();
    const struct blob_entry *place = repository_find_blob(repository, BLOB_DATA, &blob);
    cr_assert(ne(ptr, (void *)(uintptr_t)place, NULL));
    MUST(&f, pack_reader_new(repository, 1000, &reader, &f.err));
    for (size_t i = 0; i < sizeof(of_blobs) / sizeof(of_blobs[0]); i++) {
        struct buffer found;
        buffer_init(&found, 1000);
        odd.looks = 0;
        odd_store_set(&odd, of_blobs[i], "data/", 1);

        MUST(&f, pack_reader_read(reader, &place, 1, on_blob, &found, &f.err));

        expect_content(&found);
        cr_expect(eq(int, odd.looks, 1));
        buffer_clear(&found);
        pack_reader_free(reader);
        MUST(&f, pack_reader_new(repository, 1000, &reader, &f.err));
        odd_store_set(&odd, of_blobs[i], "data/", 1);
        MUST(&f, pack_reader_load(reader, place, &found, &f.err));
        expect_content(&found);
        buffer_done(&found);
    }
    pack_reader_free(reader);
}

/* --- verification --- */

static void expect_no_damage(void)
{
    CLEANUP(verification_freep) struct verification *verification = NULL;
    MUST(&f, verification_new(repository, &verification, &f.err));
    for (size_t i = 0; i < verification_pack_count(verification); i++)
        MUST(&f, verification_read_pack(verification, i, &f.err));
    cr_expect(zero(sz, verification_damage_count(verification)));
}

Test(odd_store, has_its_packs_whatever_sizes_it_lists)
{
    load_odd();
    odd_store_set(&odd, ODD_LIST_SIZES, "data/", 1);
    expect_no_damage();
    odd_store_set(&odd, ODD_LIST_ZEROS, "data/", 1);
    expect_no_damage();
}

Test(odd_store, has_its_packs_though_it_is_wrong_once)
{
    load_odd();
    for (size_t i = 0; i < sizeof(of_blobs) / sizeof(of_blobs[0]); i++) {
        odd_store_set(&odd, of_blobs[i], "data/", 1);
        expect_no_damage();
    }
}

Test(odd_store, that_does_not_list_a_pack_which_it_has_is_not_believed)
{
    struct verification *verification = NULL;
    load_odd();
    odd_store_set(&odd, ODD_LIST_EMPTY, "data/", 1);

    expect_unreachable(verification_new(repository, &verification, &f.err), "which is there");
}

/* --- before the commit --- */

static void save_another(void)
{
    struct blob_id id;
    bool known = false;
    MUST(&f, repository_save_blob(repository, BLOB_DATA, "more", 4, &id, &known, &f.err));
    MUST(&f, repository_flush(repository, &f.err));
}

Test(repository_check_stored, finds_all_there, .init = set_up, .fini = tear_down)
{
    load_odd();
    MUST(&f, repository_check_stored(repository, &f.err));
    save_another();
    MUST(&f, repository_check_stored(repository, &f.err));
    odd_store_set(&odd, ODD_ABSENT, "", 1);
    MUST(&f, repository_check_stored(repository, &f.err));
    odd_store_set(&odd, ODD_DAMAGED, "config", 1);
    MUST(&f, repository_check_stored(repository, &f.err));
}

static const struct {
    const char *command;
    const char *text;
} replacements[] = {
    {"rm -rf bucket/shop/data", "is gone"},
    {"find bucket/shop/data -type f | xargs ls -t | head -1 | xargs rm -f", "is gone"},
    {"rm -f bucket/shop/config", "'config' is gone"},
    {"chmod 600 bucket/shop/config; echo >bucket/shop/config", "another repository's"},
    {"mv bucket away; mkdir bucket", "another directory by now"},
    {"mv bucket away; cp -a away bucket", "another directory by now"},
    {"rm -rf bucket", "is not there any more"},
};

Test(repository_check_stored, finds_what_was_taken_away)
{
    for (size_t i = 0; i < sizeof(replacements) / sizeof(replacements[0]); i++) {
        set_up();
        load_odd();
        save_another();
        scratch_shell(&f.scratch, "%s", replacements[i].command);

        expect_unreachable(repository_check_stored(repository, &f.err), replacements[i].text);
        tear_down();
    }
}
