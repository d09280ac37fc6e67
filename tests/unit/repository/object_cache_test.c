/* Copies of index and snapshot files: what they save, and that nothing depends on them. */
#include "repository/snapshot.h"
#include "repository/tree.h"
#include "tests/support/repository_fixture.h"

#include <string.h>

static struct fixture f;

static void set_up(void)
{
    fixture_open(&f);
}

static void tear_down(void)
{
    fixture_close(&f);
}

TestSuite(object_cache, .init = set_up, .fini = tear_down);

static struct blob_id save(const char *text)
{
    struct blob_id id;
    bool known = false;
    MUST(&f,
         repository_save_blob(f.repository, BLOB_DATA, text, strlen(text), &id, &known, &f.err));
    MUST(&f, repository_flush(f.repository, &f.err));
    return id;
}

static void use_cache(void)
{
    repository_expect_latency(f.repository, scratch_path(&f.scratch, "cache"));
}

/* As another process would find it, with its index loaded. */
static void open_again(void)
{
    repository_close(f.repository);
    f.repository = NULL;
    MUST(&f, repository_open(f.store, PASSPHRASE, &f.repository, &f.err));
    use_cache();
    MUST(&f, repository_load_index(f.repository, NULL, &f.err));
}

static void expect_output(const char *wanted, const char *command)
{
    char *found = scratch_output(&f.scratch, "%s", command);
    cr_expect(eq(str, found, (char *)(uintptr_t)wanted), "%s", command);
    free(found);
}

/* What the bucket has would not load: only copies can have been read. */
static void damage_the_bucket(void)
{
    scratch_shell(&f.scratch,
                  "for i in bucket/shop/index/*; do chmod u+w $i; echo damaged >$i; done");
}

Test(object_cache, has_what_was_saved_and_what_was_loaded)
{
    struct blob_id one = save("one"); /* before there is a cache */
    use_cache();
    struct blob_id two = save("two");
    open_again();
    damage_the_bucket();

    open_again();

    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &one));
    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &two));
}

static void save_snapshot(time_t when)
{
    static const char *const paths[] = {"/srv", NULL};
    struct tree_writer *writer = NULL;
    struct repository_snapshot snapshot = {
        .time = {when, 0}, .paths = paths, .hostname = "node", .username = "root"};
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    MUST(&f, tree_writer_finish(writer, &snapshot.tree, &f.err));
    tree_writer_free(writer);
    MUST(&f, repository_flush(f.repository, &f.err));
    MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
}

static enum status count_snapshot(void *context, UNUSED const struct repository_snapshot *snapshot,
                                  UNUSED struct error *err)
{
    ++*(int *)context;
    return STATUS_OK;
}

static void expect_snapshots(int wanted)
{
    int count = 0;
    MUST(&f, repository_list_snapshots(f.repository, count_snapshot, &count, &f.err));
    cr_expect(eq(int, count, wanted));
}

Test(object_cache, has_snapshots_as_well)
{
    save_snapshot(1); /* before there is a cache */
    use_cache();
    save_snapshot(2);
    open_again();
    expect_snapshots(2);
    scratch_shell(&f.scratch, "diff -r bucket/shop/snapshots cache/*/snapshots;"
                              "for i in bucket/shop/snapshots/*; do chmod u+w $i; echo >$i; done");

    open_again();

    expect_snapshots(2);
}

Test(object_cache, forgets_a_snapshot_that_the_bucket_does_not_list)
{
    use_cache();
    save_snapshot(1);
    save_snapshot(2);
    scratch_shell(&f.scratch, "cd bucket/shop/snapshots; set -- *; rm -f $1");

    expect_snapshots(1);

    scratch_shell(&f.scratch, "diff -r bucket/shop/snapshots cache/*/snapshots");
}

Test(object_cache, hides_nothing_from_who_distrusts_it)
{
    int count = 0;
    use_cache();
    save_snapshot(1);
    open_again();
    expect_snapshots(1);
    scratch_shell(&f.scratch, "for i in bucket/shop/*/*; do chmod u+w $i; echo damaged >$i; done");

    repository_distrust_copies(f.repository);

    EXPECT_STATUS(&f, repository_load_index(f.repository, NULL, &f.err), STATUS_CORRUPT);
    EXPECT_STATUS(&f, repository_list_snapshots(f.repository, count_snapshot, &count, &f.err),
                  STATUS_CORRUPT);
}

Test(object_cache, is_for_its_owner_only)
{
    use_cache();
    (void)save("one");

    expect_output("700\n700\n700\n600", "stat -c %a cache cache/* cache/*/index cache/*/index/*");
}

Test(object_cache, fetches_again_what_is_damaged_or_gone)
{
    use_cache();
    struct blob_id one = save("one");
    struct blob_id two = save("two");
    scratch_shell(&f.scratch, "cd cache/*/index; set -- *; echo damaged >$1; rm $2");

    open_again();

    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &one));
    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &two));
    scratch_shell(&f.scratch, "diff -r bucket/shop/index cache/*/index");
}

Test(object_cache, may_be_deleted_while_it_is_used)
{
    use_cache();
    scratch_shell(&f.scratch, "rm -r cache");
    struct blob_id one = save("one");

    open_again();

    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &one));
    scratch_shell(&f.scratch, "diff -r bucket/shop/index cache/*/index");
}

Test(object_cache, drops_what_the_bucket_does_not_list)
{
    use_cache();
    (void)save("one");
    scratch_shell(&f.scratch,
                  "cd cache/*/index && touch %064d .%064d.0123456789abcdef stray &&"
                  "touch -d '2 hours ago' .%064d.0000000000000000",
                  1, 2, 3);

    open_again();

    scratch_shell(&f.scratch, "rm cache/*/index/.%064d.0123456789abcdef", 2); /* may be in use */
    scratch_shell(&f.scratch, "diff -r bucket/shop/index cache/*/index");
}

Test(object_cache, drops_repositories_that_nobody_opens)
{
    scratch_shell(&f.scratch,
                  "umask 077; mkdir -p cache/%064d/index cache/%064d/index cache/other;"
                  "touch cache/%064d/index/%064d cache/%064d/index/%064d;"
                  "touch -d '31 days ago' cache/%064d cache/other",
                  1, 2, 1, 7, 2, 7, 1);

    use_cache();

    scratch_shell(&f.scratch, "test ! -e cache/%064d && test -e cache/%064d/index/%064d", 1, 2, 7);
    scratch_shell(&f.scratch, "test -e cache/other");
}

Test(object_cache, is_done_without_where_it_cannot_be)
{
    scratch_shell(&f.scratch, "echo in the way >cache");
    use_cache();
    struct blob_id one = save("one");

    open_again();

    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &one));
}

Test(object_cache, follows_no_link)
{
    scratch_shell(&f.scratch, "mkdir elsewhere && ln -s elsewhere cache");
    use_cache();
    (void)save("one");

    expect_output("", "ls elsewhere");
}
