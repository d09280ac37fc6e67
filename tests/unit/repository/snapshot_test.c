#include "repository/snapshot.h"

#include "repository/tree.h"
#include "src/repository/repository_internal.h"
#include "tests/support/repository_fixture.h"

#include <stdio.h>
#include <string.h>

static struct fixture f;
static struct blob_id tree;

static void open_repository(void)
{
    struct tree_writer *writer = NULL;
    fixture_open(&f);
    MUST(&f, tree_writer_new(f.repository, &writer, &f.err));
    MUST(&f, tree_writer_finish(writer, &tree, &f.err));
    tree_writer_free(writer);
    MUST(&f, repository_flush(f.repository, &f.err));
}

static void close_repository(void)
{
    fixture_close(&f);
}

TestSuite(repository_snapshot, .init = open_repository, .fini = close_repository);

static struct repository_snapshot make_snapshot(time_t when, const char *tag)
{
    static const char *const paths[] = {"/srv/shop", "/var/\xff", NULL};
    static const char *const excludes[] = {"*.tmp", NULL};
    static const char *lists[8][3];
    static size_t used;
    const char **tags = lists[used++];
    cr_assert(le(sz, used, sizeof(lists) / sizeof(lists[0])));
    tags[0] = "appbackup";
    tags[1] = tag;
    return (struct repository_snapshot){.time = {when, 5},
                                        .tree = tree,
                                        .paths = paths,
                                        .hostname = "node<1>",
                                        .username = "back\"up",
                                        .tags = tags,
                                        .excludes = excludes,
                                        .files = 3,
                                        .directories = 2,
                                        .bytes = 1000,
                                        .files_changed = 1,
                                        .files_unmodified = 2,
                                        .directories_unmodified = 1,
                                        .has_parent = true,
                                        .parent = {{7}}};
}

struct seen {
    int count;
    struct repository_snapshot last; /* numbers only */
    char text[512];
    enum status answer;
};

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err)
{
    struct seen *seen = context;
    seen->count++;
    seen->last = *snapshot;
    (void)snprintf(seen->text, sizeof(seen->text), "%s|%s|%s|%s|%s|%s", snapshot->paths[0],
                   snapshot->hostname, snapshot->username, snapshot->tags[0], snapshot->tags[1],
                   snapshot->excludes[0]);
    cr_expect(snapshot->tags[2] == NULL && snapshot->paths[2] == NULL);
    return seen->answer == STATUS_OK ? STATUS_OK : FAIL(err, seen->answer, "enough");
}

Test(repository_snapshot, is_listed_as_it_was_saved)
{
    struct repository_snapshot snapshot = make_snapshot(1795465426, "backup=1");
    struct seen seen = {.count = 0};
    MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
    MUST(&f, repository_list_snapshots(f.repository, on_snapshot, &seen, &f.err));
    cr_expect(eq(int, seen.count, 1));
    cr_expect(eq(str, seen.text, "/srv/shop|node<1>|back\"up|appbackup|backup=1|*.tmp"));
    cr_expect(memcmp(&seen.last.id, &snapshot.id, sizeof(snapshot.id)) == 0);
    cr_expect(memcmp(&seen.last.tree, &tree, sizeof(tree)) == 0);
    cr_expect(eq(i64, (int64_t)seen.last.time.tv_sec, (int64_t)1795465426));
    cr_expect(eq(long, seen.last.time.tv_nsec, 5L));
    cr_expect(eq(u64, seen.last.files, (uint64_t)3));
    cr_expect(eq(u64, seen.last.directories, (uint64_t)2));
    cr_expect(eq(u64, seen.last.bytes, (uint64_t)1000));
    cr_expect(eq(u64, seen.last.files_changed, (uint64_t)1));
    cr_expect(eq(u64, seen.last.files_unmodified, (uint64_t)2));
    cr_expect(eq(u64, seen.last.directories_unmodified, (uint64_t)1));
    cr_expect(seen.last.has_parent);
    cr_expect(eq(int, seen.last.parent.bytes[0], 7));
}

Test(repository_snapshot, is_found_by_its_tag)
{
    struct repository_snapshot first = make_snapshot(1000, "backup=1"),
                               second = make_snapshot(2000, "backup=2"),
                               again = make_snapshot(3000, "backup=1");
    struct blob_id id;
    bool found = true;
    MUST(&f, repository_find_snapshot(f.repository, "backup=1", &id, &found, &f.err));
    cr_expect(not(found));
    MUST(&f, repository_save_snapshot(f.repository, &again, &f.err));
    MUST(&f, repository_save_snapshot(f.repository, &second, &f.err));
    MUST(&f, repository_save_snapshot(f.repository, &first, &f.err));
    MUST(&f, repository_find_snapshot(f.repository, "backup=1", &id, &found, &f.err));
    cr_expect(found);
    cr_expect(memcmp(&id, &again.id, sizeof(id)) == 0, "of several the newest");
    MUST(&f, repository_find_snapshot(f.repository, "backup=", &id, &found, &f.err));
    cr_expect(not(found));
}

Test(repository_snapshot, is_removed_and_that_twice)
{
    struct repository_snapshot snapshot = make_snapshot(1000, "backup=1");
    struct seen seen = {.count = 0};
    MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
    MUST(&f, repository_remove_snapshot(f.repository, &snapshot.id, &f.err));
    MUST(&f, repository_remove_snapshot(f.repository, &snapshot.id, &f.err));
    MUST(&f, repository_list_snapshots(f.repository, on_snapshot, &seen, &f.err));
    cr_expect(eq(int, seen.count, 0));
}

Test(repository_snapshot, is_saved_only_after_what_it_needs)
{
    struct repository_snapshot snapshot = make_snapshot(1000, "backup=1");
    struct blob_id id;
    bool known = false;
    MUST(&f, repository_save_blob(f.repository, BLOB_DATA, "x", 1, &id, &known, &f.err));
    EXPECT_STATUS(&f, repository_save_snapshot(f.repository, &snapshot, &f.err), STATUS_CONFLICT);
    MUST(&f, repository_flush(f.repository, &f.err));
    snapshot.tree = id;
    EXPECT_STATUS(&f, repository_save_snapshot(f.repository, &snapshot, &f.err), STATUS_CONFLICT);
    snapshot.tree = tree;
    MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
}

Test(repository_snapshot, is_not_saved_when_the_lock_is_gone)
{
    struct repository_snapshot snapshot = make_snapshot(1000, "backup=1");
    MUST(&f, repository_lock(f.repository, false, NULL, &f.err));
    f.repository->lock.renewed_ms -= 23 * 60000;
    EXPECT_STATUS(&f, repository_save_snapshot(f.repository, &snapshot, &f.err), STATUS_LOST);
    scratch_shell(&f.scratch, "test ! -e bucket/shop/snapshots");
}

Test(repository_snapshot, that_is_damaged_hides_no_other)
{
    struct repository_snapshot first = make_snapshot(1000, "backup=1"),
                               second = make_snapshot(2000, "backup=2");
    struct seen seen = {.count = 0};
    struct blob_id id;
    bool found = false;
    char name[BLOB_ID_TEXT_SIZE];
    MUST(&f, repository_save_snapshot(f.repository, &first, &f.err));
    MUST(&f, repository_save_snapshot(f.repository, &second, &f.err));
    blob_id_to_text(&first.id, name);
    scratch_shell(&f.scratch, "cd bucket/shop/snapshots; chmod 600 %s; echo x >>%s", name, name);

    EXPECT_STATUS(&f, repository_list_snapshots(f.repository, on_snapshot, &seen, &f.err),
                  STATUS_CORRUPT);
    cr_expect(strstr(f.err.text, name) != NULL, "%s", f.err.text);
    cr_expect(eq(int, seen.count, 1));
    MUST(&f, repository_find_snapshot(f.repository, "backup=2", &id, &found, &f.err));
    cr_expect(found);
    EXPECT_STATUS(&f, repository_find_snapshot(f.repository, "backup=1", &id, &found, &f.err),
                  STATUS_CORRUPT);
    MUST(&f, repository_has_snapshot(f.repository, &first.id, &found, &f.err));
    cr_expect(found);
    MUST(&f, repository_remove_snapshot(f.repository, &first.id, &f.err));
    MUST(&f, repository_has_snapshot(f.repository, &first.id, &found, &f.err));
    cr_expect(not(found));
}

static void note_unreadable(void *context, const struct error *cause)
{
    char *names = context;
    size_t used = strlen(names);
    (void)snprintf(names + used, 2 * sizeof(cause->text) - used, "%s\n", cause->text);
}

static enum status pass_over(UNUSED void *context,
                             UNUSED const struct repository_snapshot *snapshot,
                             UNUSED struct error *err)
{
    return STATUS_OK;
}

Test(repository_snapshot, that_cannot_be_read_is_named_each_for_itself)
{
    struct repository_snapshot snapshot = make_snapshot(1000, "backup=1");
    char names[2 * ERROR_TEXT_MAX] = "";
    const struct repository_snapshot_visitor visitor = {
        .seen = pass_over, .unreadable = note_unreadable, .context = names};
    MUST(&f, repository_save_snapshot(f.repository, &snapshot, &f.err));
    scratch_shell(&f.scratch,
                  "cd bucket/shop/snapshots; a=$(printf '%%064d' 1); b=$(printf '%%064d' 2)"
                  "; touch $a; echo stranger >$b; mkdir $(printf '%%064d' 3)");

    MUST(&f, repository_visit_snapshots(f.repository, &visitor, &f.err));

    cr_expect(strstr(names, "snapshots/000000000000000000000000000000000000000000000000000000000000"
                            "0001") != NULL,
              "%s", names);
    cr_expect(strstr(names, "0002: its bytes do not have the hash") != NULL, "%s", names);
    cr_expect(strstr(names, "0003") == NULL, "%s", names);
}

Test(repository_snapshot, list_ends_with_the_status_of_the_callback)
{
    struct repository_snapshot first = make_snapshot(1000, "backup=1"),
                               second = make_snapshot(2000, "backup=2");
    struct seen seen = {.answer = STATUS_CORRUPT};
    MUST(&f, repository_save_snapshot(f.repository, &first, &f.err));
    MUST(&f, repository_save_snapshot(f.repository, &second, &f.err));
    EXPECT_STATUS(&f, repository_list_snapshots(f.repository, on_snapshot, &seen, &f.err),
                  STATUS_CORRUPT);
    cr_expect(eq(str, f.err.text, "enough"));
    cr_expect(eq(int, seen.count, 1));
}
