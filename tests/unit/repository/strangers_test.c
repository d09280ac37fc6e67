/*
 * What others leave in a repository: file servers, desktops, file systems and people keep things of
 * their own beside its objects, also under names that an object could have.
 */
#include "repository/snapshot.h"
#include "repository/tree.h"
#include "repository/verify.h"
#include "src/repository/repository_internal.h"
#include "tests/support/repository_fixture.h"

#define STALE "0000000000000000000000000000000000000000000000000000000000000005"

static struct fixture f;

static void open_repository(void)
{
    struct tree_writer *writer = NULL;
    struct blob_id blob;
    bool known = false;
    struct repository_snapshot snapshot = {.time = {1000, 0}};
    static const char *const paths[] = {"/x", NULL};
    snapshot.paths = paths;
    fixture_open(&f);
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "x", 1, &blob, &known, &f.err));
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    MUST(&f, tree_writer_finish(writer, &snapshot.tree, &f.err));
    tree_writer_free(writer);
    MUST(&f, repository_flush(f.repository, &f.err));
    MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
}

static void close_repository(void)
{
    fixture_close(&f);
}

TestSuite(strangers, .init = open_repository, .fini = close_repository);

/* In each folder: earlier objects in a hidden directory, as a file server shows them, the same in a
 * directory that is called like an object, and files of all kinds that are none. */
static void move_in(void)
{
    scratch_shell(
        &f.scratch,
        "cd bucket/shop; mkdir -p locks; for d in keys locks index snapshots data data/00; do"
        "  mkdir -p $d/.snapshot/hourly.0 $d/lost+found $d/" STALE ";"
        "  for below in .snapshot/hourly.0 lost+found " STALE "; do"
        "    echo old >$d/$below/" STALE "; mkdir -p $d/$below/00;"
        "    echo old >$d/$below/00/" STALE "; done;"
        "  touch $d/.DS_Store $d/Thumbs.db \"$d/a file\" $d/" STALE "~0123456789abcdef"
        "    $d/" STALE "-tmp-1234567; done");
}

static enum status count_one(void *context, UNUSED const struct repository_snapshot *snapshot,
                             UNUSED struct error *err)
{
    ++*(int *)context;
    return STATUS_OK;
}

Test(strangers, do_not_keep_a_repository_from_being_used)
{
    int snapshots = 0;
    move_in();
    scratch_shell(&f.scratch, "find bucket | sort >before");

    fixture_reopen(&f);
    MUST(&f, repository_lock(f.repository, true, NULL, &f.err));
    MUST(&f, repository_load_index(f.repository, NULL, &f.err));
    MUST(&f, repository_list_snapshots(f.repository, count_one, &snapshots, &f.err));
    MUST(&f, repository_unlock(f.repository, &f.err));

    cr_expect(eq(int, snapshots, 1));
    scratch_shell(&f.scratch, "find bucket | sort | cmp - before");
}

/* A pack that lies only in an earlier state of the directory, or in another one, is gone. */
Test(strangers, do_not_pass_for_a_pack_that_is_gone)
{
    struct verification *verification = NULL;
    scratch_shell(
        &f.scratch,
        "cd bucket/shop/data; for pack in [0-9a-f]*/*; do name=${pack#*/}; mkdir -p"
        "  .snapshot/hourly.0 zz ${pack%%/*}/old; cp $pack .snapshot/hourly.0; cp $pack zz;"
        "  cp $pack ${pack%%/*}/old; cp $pack $name; rm -f $pack; done");
    fixture_reopen(&f);
    MUST(&f, repository_load_index(f.repository, NULL, &f.err));

    MUST(&f, verification_new(f.repository, &verification, &f.err));

    cr_expect(lt(sz, 0, verification_damage_count(verification)));
    verification_free(verification);
}
