/* Copies of index files: what they save, and that nothing depends on them. */
#include "fixture.h"

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

TestSuite(index_cache, .init = set_up, .fini = tear_down);

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

Test(index_cache, has_what_was_saved_and_what_was_loaded)
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

Test(index_cache, is_for_its_owner_only)
{
    use_cache();
    (void)save("one");

    expect_output("700\n700\n700\n600", "stat -c %a cache cache/* cache/*/index cache/*/index/*");
}

Test(index_cache, fetches_again_what_is_damaged_or_gone)
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

Test(index_cache, may_be_deleted_while_it_is_used)
{
    use_cache();
    scratch_shell(&f.scratch, "rm -r cache");
    struct blob_id one = save("one");

    open_again();

    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &one));
    scratch_shell(&f.scratch, "diff -r bucket/shop/index cache/*/index");
}

Test(index_cache, drops_what_the_bucket_does_not_list)
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

Test(index_cache, drops_repositories_that_nobody_opens)
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

Test(index_cache, is_done_without_where_it_cannot_be)
{
    scratch_shell(&f.scratch, "echo in the way >cache");
    use_cache();
    struct blob_id one = save("one");

    open_again();

    cr_expect(repository_has_blob(f.repository, BLOB_DATA, &one));
}

Test(index_cache, follows_no_link)
{
    scratch_shell(&f.scratch, "mkdir elsewhere && ln -s elsewhere cache");
    use_cache();
    (void)save("one");

    expect_output("", "ls elsewhere");
}
