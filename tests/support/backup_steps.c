#include "tests/support/backup_steps.h"

#include "bucket/object_store.h"
#include "repository/snapshot.h"
#include "tests/support/tree_compare.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct backup_fixture fixture;
struct work_result result;

void renew_result(void)
{
    struct error err = {0};
    work_result_done(&result);
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
}

void backup_steps_set_up(void)
{
    struct error err = {0};
    backup_fixture_open(&fixture);
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
}

void backup_steps_tear_down(void)
{
    work_result_done(&result);
    backup_fixture_close(&fixture);
}

void expect_backup(void)
{
    struct error err = {0};
    renew_result();
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(i64, result.bytes_done, result.bytes_total));
    cr_assert(eq(sz, strlen(result.repository_snapshot), 64));
}

void fail_backup(enum status status, const char *reason)
{
    struct error err = {0};
    enum status got = backup_run(&fixture.plan, &result, &err);
    cr_assert(eq(int, (int)got, (int)status), "%s", err.text);
    cr_assert(eq(str, err.reason, (char *)(uintptr_t)reason), "%s", err.text);
}

void next_backup(void)
{
    static char id[ID_SIZE];
    id_random(id);
    fixture.plan.backup = id;
    expect_backup();
}

size_t expect_restore(const char *target, const char *volume)
{
    char actual[512];
    free(backup_fixture_restic(&fixture, "restore %s --target %s", result.repository_snapshot,
                               target));
    snprintf(actual, sizeof(actual), "%s/%s%s", fixture.scratch.path, target, volume);
    return tree_compare(volume, actual);
}

const char *details_of(const json_t *details)
{
    static char text[16384];
    char *json = json_dumps(details, JSON_COMPACT);
    snprintf(text, sizeof(text), "%s", json);
    free(json);
    return text;
}

bool is_changed(const char *first, const char *second, const char *path)
{
    char *changes = backup_fixture_restic(&fixture, "diff --metadata %s %s", first, second);
    bool changed = strstr(changes, path) != NULL;
    free(changes);
    return changed;
}

enum status break_things(void *context, const struct work_report *report, struct error *err UNUSED)
{
    static bool done;
    if (done || strcmp(report->stage, "upload") != 0 || report->bytes_done <= 0)
        return STATUS_OK;
    done = true;
    scratch_shell(&fixture.scratch, "%s", (const char *)context);
    return STATUS_OK;
}

/* What is told of the result's snapshot: "files new/changed/unmodified/directories ...". */
struct told {
    struct blob_id id;
    char summary[128];
    char parent[BLOB_ID_TEXT_SIZE]; /* "" for none */
};

static enum status on_snapshot(void *context, const struct repository_snapshot *snapshot,
                               struct error *err UNUSED)
{
    struct told *told = context;
    if (memcmp(&snapshot->id, &told->id, sizeof(told->id)) != 0)
        return STATUS_OK;
    unsigned long long files = snapshot->files_changed + snapshot->files_unmodified;
    unsigned long long directories =
        snapshot->directories_changed + snapshot->directories_unmodified;
    snprintf(told->summary, sizeof(told->summary), "%llu/%llu/%llu/%llu/%llu/%llu",
             (unsigned long long)snapshot->files - files,
             (unsigned long long)snapshot->files_changed,
             (unsigned long long)snapshot->files_unmodified,
             (unsigned long long)snapshot->directories - directories,
             (unsigned long long)snapshot->directories_changed,
             (unsigned long long)snapshot->directories_unmodified);
    if (snapshot->has_parent)
        blob_id_to_text(&snapshot->parent, told->parent);
    return STATUS_OK;
}

void open_repository(struct object_store **ret_store, struct repository **ret_repository)
{
    struct error err = {0};
    cr_assert(
        eq(int,
           (int)object_store_open_directory("b", fixture.bucket.path, FIXTURE_APP, ret_store, &err),
           STATUS_OK));
    cr_assert(eq(
        int, (int)repository_open(*ret_store, fixture.plan.work.passphrase, ret_repository, &err),
        STATUS_OK));
}

void expect_summary(const char *expected, const char *parent)
{
    struct error err = {0};
    struct object_store *store = NULL;
    struct repository *repository = NULL;
    struct told told = {.summary = ""};
    cr_assert(blob_id_from_text(result.repository_snapshot, &told.id));
    open_repository(&store, &repository);
    cr_assert(
        eq(int, (int)repository_list_snapshots(repository, on_snapshot, &told, &err), STATUS_OK));
    cr_expect(eq(str, told.summary, (char *)(uintptr_t)expected));
    if (parent != NULL)
        cr_expect(eq(str, told.parent, (char *)(uintptr_t)parent));
    repository_close(repository);
    object_store_close(store);
}

void make_files(const char *directory)
{
    scratch_shell(&fixture.scratch,
                  "cd %s && mkdir -p a b/c && echo 1 >a/1 && echo 2 >a/2 && echo 3 >b/c/3 && "
                  "head -c 3000000 /dev/urandom >large && ln a/1 b/hard && ln -s 1 a/link && "
                  "setfattr -n user.note -v kept a/2 && touch -d 2020-01-01 empty",
                  directory);
}
