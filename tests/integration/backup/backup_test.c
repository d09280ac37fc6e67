/* What comes out: the stock restic restores what went in, and finds nothing to complain about. */
#include "bucket/object_store.h"
#include "tests/support/backup_steps.h"
#include "tests/support/tree_compare.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(backup_run, .init = backup_steps_set_up, .fini = backup_steps_tear_down);

/* How many blobs of file content there are, each copy counted. */
static long count_data(void)
{
    char *count = backup_fixture_restic(&fixture, "list blobs | grep -c ^data");
    long number = strtol(count, NULL, 10);
    free(count);
    return number;
}

Test(backup_run, keeps_every_kind_of_file_to_the_last_attribute)
{
    backup_fixture_make_every_kind(&fixture);

    expect_backup();

    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_SUCCESS));
    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
    backup_fixture_check(&fixture);
    /* restic 0.14 keeps no attributes of symbolic links, and replaces bytes that are not UTF-8 in
     * their targets: that one is looked at in the repository, and taken out of the comparison. */
    char *listed =
        backup_fixture_restic(&fixture, "dump latest %s | tar -tf - | wc -l", fixture.volumes[0]);
    cr_expect(lt(int, 90, atoi(listed)), "%s", listed);
    free(listed);
    scratch_shell(&fixture.scratch,
                  "touch -r volume stamp; rm volume/badlink; touch -r stamp volume");
    free(backup_fixture_restic(&fixture, "restore latest --target out"));
    scratch_shell(&fixture.scratch,
                  "d=out$PWD/volume; touch -r $d stamp; rm $d/badlink; touch -r stamp $d");
    char actual[512];
    snprintf(actual, sizeof(actual), "%s/out%s", fixture.scratch.path, fixture.volumes[0]);
    cr_expect(lt(sz, 90, tree_compare(fixture.volumes[0], actual)));
}

Test(backup_run, stores_nothing_twice_and_lives_beside_the_stock_restic)
{
    backup_fixture_make_every_kind(&fixture);
    expect_backup();
    char first[RESTIC_ID_SIZE];
    memcpy(first, result.repository_snapshot, sizeof(first));
    long blobs = count_data();

    fixture.plan.backup = "55555555-5555-4555-8555-555555555555";
    expect_backup();
    cr_expect(not(eq(str, result.repository_snapshot, first)));
    cr_expect(eq(long, count_data(), blobs));
    cr_expect(not(is_changed(first, result.repository_snapshot, "/volume")));

    scratch_shell(&fixture.scratch, "head -c 3000000 /dev/urandom >volume/new; rm volume/badlink");
    free(backup_fixture_restic(&fixture, "backup --force %s", fixture.volumes[0]));
    blobs = count_data();
    fixture.plan.backup = "66666666-6666-4666-8666-666666666666";
    expect_backup();
    cr_expect(eq(long, count_data(), blobs));
    cr_expect(is_changed(first, result.repository_snapshot, "/volume/new"));
    backup_fixture_check(&fixture);

    /* What we wrote is byte for byte what restic writes; only the root, /tmp and the scratch
     * directory, in which others work, may have changed meanwhile. */
    char *summary =
        backup_fixture_restic(&fixture, "backup --force --json %s | tail -n 1", fixture.volumes[0]);
    json_t *json = json_loads(summary, 0, NULL);
    cr_expect(eq(i64, json_integer_value(json_object_get(json, "data_blobs")), 0), "%s", summary);
    cr_expect(le(i64, json_integer_value(json_object_get(json, "tree_blobs")), 3), "%s", summary);
    char *files = scratch_output(&fixture.scratch, "find volume -type f -printf . | wc -c");
    cr_expect(
        eq(i64, json_integer_value(json_object_get(json, "total_files_processed")), atoll(files)),
        "%s", summary);
    free(files);
    json_decref(json);
    free(summary);
    expect_restore("out", fixture.volumes[0]);
}

Test(backup_run, survives_a_prune_by_the_stock_restic_in_between)
{
    scratch_shell(&fixture.scratch, "head -c 9000000 /dev/urandom >volume/a; cp volume/a volume/b");
    expect_backup();
    scratch_shell(&fixture.scratch, "rm volume/a; printf more >volume/c");
    fixture.plan.backup = "55555555-5555-4555-8555-555555555555";
    expect_backup();
    free(backup_fixture_restic(&fixture, "forget --keep-last 1 --prune --max-unused 0"));
    fixture.plan.backup = "66666666-6666-4666-8666-666666666666";
    expect_backup();

    backup_fixture_check(&fixture);
    expect_restore("out", fixture.volumes[0]);
}

/* What the only file takes in a new repository, as the bucket says. */
static long long stored_bytes(enum bucket_compression compression)
{
    scratch_shell(&fixture.scratch, "rm -rf bucket/* seen-buckets");
    fixture.bucket.compression = compression;
    next_backup();
    backup_fixture_check(&fixture);
    free(backup_fixture_restic(&fixture, "restore latest --target restored"));
    scratch_shell(&fixture.scratch, "cmp volume/text restored$PWD/volume/text && rm -r restored");
    char *text = scratch_output(&fixture.scratch, "du -sb bucket/%s/data | cut -f1", FIXTURE_APP);
    long long bytes = atoll(text);
    free(text);
    return bytes;
}

Test(backup_run, compresses_as_hard_as_the_bucket_says)
{
    scratch_shell(&fixture.scratch, "cat %s/src/*/*.c >volume/text", TEST_SOURCE_DIR);

    long long off = stored_bytes(BUCKET_COMPRESSION_OFF);
    long long fast = stored_bytes(BUCKET_COMPRESSION_FAST);
    long long normal = stored_bytes(BUCKET_COMPRESSION_AUTO);
    long long better = stored_bytes(BUCKET_COMPRESSION_BETTER);

    cr_expect(off > 1000000, "%lld bytes", off);
    cr_expect(off > fast * 2 && fast > normal && normal > better,
              "off %lld, fast %lld, auto %lld, better %lld", off, fast, normal, better);
}

Test(backup_run, joins_several_volumes_below_their_real_parents)
{
    scratch_shell(&fixture.scratch,
                  "mkdir -m 0711 -p tree && mkdir -m 0750 tree/x tree/x-y tree/x.z &&"
                  "touch tree/x/1 tree/x-y/2 tree/x.z/3 tree/beside &&"
                  "chown 11:22 tree && setfattr -n user.p -v q tree &&"
                  "touch -d '2011-11-11 11:11:11.11' tree");
    free(fixture.volumes[0]);
    fixture.volumes[0] = strdup(scratch_path(&fixture.scratch, "tree/x.z"));
    backup_fixture_add_volume(&fixture, scratch_path(&fixture.scratch, "tree/x-y"));
    backup_fixture_add_volume(&fixture, scratch_path(&fixture.scratch, "tree/x"));

    expect_backup();

    backup_fixture_check(&fixture);
    scratch_shell(&fixture.scratch, "rm tree/beside; touch -d '2011-11-11 11:11:11.11' tree");
    cr_expect(eq(sz, expect_restore("out", scratch_path(&fixture.scratch, "tree")), 7));
}

Test(backup_run, marks_the_snapshot_with_who_what_and_when)
{
    backup_fixture_add_exclude(&fixture, "*.tmp");
    scratch_shell(&fixture.scratch, "printf 1 >volume/a; printf 2 >volume/b.tmp");
    json_auto_t *labels = json_pack("[{s:s, s:s}]", "name", "env", "value", "a b");
    fixture.plan.created_by = FIXTURE_ACCOUNT;
    fixture.plan.version = "1.1";
    fixture.plan.labels = labels;

    expect_backup();

    char *json = backup_fixture_restic(&fixture, "snapshots --json");
    json_t *snapshots = json_loads(json, 0, NULL);
    const json_t *snapshot = json_array_get(snapshots, 0);
    char *tags = json_dumps(json_object_get(snapshot, "tags"), JSON_COMPACT);
    cr_expect(eq(str, tags,
                 "[\"appbackup\",\"backup=" FIXTURE_BACKUP "\",\"name=shop-1\",\"app=shop\","
                 "\"account=" FIXTURE_ACCOUNT "\",\"by=" FIXTURE_ACCOUNT "\",\"version=1.1\","
                 "\"labels=[{\\\"name\\\":\\\"env\\\",\\\"value\\\":\\\"a b\\\"}]\"]"));
    cr_expect(eq(str, (char *)(uintptr_t)json_string_value(json_object_get(snapshot, "id")),
                 result.repository_snapshot));
    char host[256];
    cr_assert(eq(int, gethostname(host, sizeof(host)), 0));
    cr_expect(
        eq(str, (char *)(uintptr_t)json_string_value(json_object_get(snapshot, "hostname")), host));
    cr_expect(eq(
        str,
        (char *)(uintptr_t)json_string_value(json_array_get(json_object_get(snapshot, "paths"), 0)),
        fixture.volumes[0]));
    cr_expect(eq(str,
                 (char *)(uintptr_t)json_string_value(
                     json_array_get(json_object_get(snapshot, "excludes"), 0)),
                 "*.tmp"));
    cr_expect(eq(i64, result.bytes_total, 1));
    free(tags);
    free(json);
    json_decref(snapshots);
}

Test(backup_run, leaves_out_what_is_excluded_and_what_caches_hold)
{
    backup_fixture_add_exclude(&fixture, "*.tmp");
    backup_fixture_add_exclude(&fixture, "/logs");
    fixture.app.exclude_caches = true;
    scratch_shell(&fixture.scratch,
                  "mkdir -p volume/logs volume/sub/logs volume/cache/deep; cd volume;"
                  "touch a.tmp sub/b.tmp logs/1 sub/logs/2 cache/deep/3 keep;"
                  "printf 'Signature: 8a477f597d28d172789f06886806bc55' >cache/CACHEDIR.TAG");

    expect_backup();

    char *paths = backup_fixture_restic(
        &fixture, "ls latest | grep volume/ | sed 's,.*volume/,,' | tr '\\n' ' '");
    cr_expect(eq(str, paths, "cache cache/CACHEDIR.TAG keep sub sub/logs sub/logs/2 "));
    free(paths);
}

Test(backup_run, completes_with_an_empty_volume)
{
    expect_backup();

    cr_expect(eq(i64, result.bytes_total, 0));
    backup_fixture_check(&fixture);
    cr_expect(eq(sz, expect_restore("out", fixture.volumes[0]), 1));
}

/* The scratch directory's entry for the bucket, for the undo directory, and what is made of them.
 */
static const struct {
    const char *bucket, *undo, *shell;
} overlaps[] = {
    {"volume/bucket", "undo", "mkdir volume/bucket"},
    {"bucket", "volume/state/undo", "mkdir volume/state"},
    {"link/bucket", "undo", "mkdir volume/bucket && ln -s volume link"},
    {".", "undo", ":"},
};

Test(backup_run, refuses_a_volume_that_is_not_apart_from_its_own_backups)
{
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "first", ":", false);
    for (size_t i = 0; i < sizeof(overlaps) / sizeof(overlaps[0]); i++) {
        scratch_shell(&fixture.scratch, "rm -rf volume/* link; %s", overlaps[i].shell);
        char *before = scratch_output(&fixture.scratch, "find . | sort");
        free(fixture.bucket.path);
        fixture.bucket.path = strdup(scratch_path(&fixture.scratch, overlaps[i].bucket));
        free((char *)(uintptr_t)fixture.plan.undo_directory);
        fixture.plan.undo_directory = strdup(scratch_path(&fixture.scratch, overlaps[i].undo));

        fail_backup(STATUS_INVALID, "configuration_invalid");

        char *after = scratch_output(&fixture.scratch, "find . | sort");
        cr_expect(eq(str, after, before), "nothing is touched, and no hook runs");
        free(after);
        free(before);
    }
}

Test(backup_run, fails_for_good_without_its_volume)
{
    scratch_shell(&fixture.scratch, "rmdir volume");
    fail_backup(STATUS_NOT_FOUND, "volume_missing");

    scratch_shell(&fixture.scratch, "touch volume");
    fail_backup(STATUS_INVALID, "volume_missing");
    backup_fixture_check(&fixture);
}

Test(backup_run, tries_again_later_when_the_bucket_is_away)
{
    struct error err = {0};
    scratch_shell(&fixture.scratch, "mv bucket elsewhere");
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "early", ":", false);

    enum status status = backup_run(&fixture.plan, &result, &err);

    cr_expect(status_is_transient(status));
    cr_expect(eq(str, err.reason, "bucket_unreachable"));
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture), ""));
}

Test(backup_run, refuses_a_wrong_passphrase_before_it_touches_the_application)
{
    expect_backup();
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "early", ":", false);
    fixture.plan.work.passphrase = "another";
    fixture.plan.backup = "55555555-5555-4555-8555-555555555555";

    fail_backup(STATUS_FORBIDDEN, "repository_key_wrong");

    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture), ""));
}

Test(backup_run, refuses_volumes_that_overlap)
{
    backup_fixture_add_volume(&fixture, scratch_path(&fixture.scratch, "volume/sub"));
    fail_backup(STATUS_INVALID, "invalid");
}

/* Every report: bytes never fall, never pass the total, the state only goes on. */
static enum status watch(void *context, const struct work_report *report, struct error *err UNUSED)
{
    struct work_report *last = context;
    cr_assert(report->state >= last->state);
    cr_assert(report->bytes_done >= last->bytes_done);
    cr_assert(report->bytes_done <= report->bytes_total);
    if (last->bytes_total >= 0)
        cr_assert(eq(i64, report->bytes_total, last->bytes_total));
    if (report->state == BACKUP_RUNNING) {
        cr_assert(ge(i64, report->bytes_total, 0));
        cr_assert(lt(i64, 0, report->taken_ms));
    }
    *last = *report;
    return STATUS_OK;
}

Test(backup_run, reports_progress_that_only_grows)
{
    struct work_report last = {.bytes_done = -1, .bytes_total = -1};
    fixture.plan.work.report = watch;
    fixture.plan.work.context = &last;
    backup_fixture_make_every_kind(&fixture);

    expect_backup();

    cr_expect(eq(i64, last.bytes_done, last.bytes_total));
    cr_expect(eq(str, (char *)(uintptr_t)last.stage, "post-backup"));
}

static enum status die_at(void *context, const struct work_report *report, struct error *err)
{
    if (strcmp(report->stage, context) == 0)
        return FAIL_REASON(err, STATUS_LOST, REASON_LEASE_LOST, "somebody else has it");
    return STATUS_OK;
}

Test(backup_run, completes_with_the_snapshot_of_an_attempt_that_died_after_its_commit)
{
    scratch_shell(&fixture.scratch, "printf content >volume/a");
    expect_backup();
    char first[RESTIC_ID_SIZE];
    memcpy(first, result.repository_snapshot, sizeof(first));
    int64_t taken_ms = result.taken_ms;
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "never", ":", false);

    expect_backup();

    cr_expect(eq(str, result.repository_snapshot, first));
    cr_expect(eq(i64, result.taken_ms, taken_ms));
    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_UNSET));
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture), ""));
}

Test(backup_run, ends_when_its_caller_has_lost_the_lease)
{
    fixture.plan.work.report = die_at;
    fixture.plan.work.context = "upload";
    fail_backup(STATUS_LOST, "lease_lost");
    backup_fixture_check(&fixture);
}

Test(backup_run, opens_the_repository_with_a_key_that_is_known)
{
    struct work_key key = {0};
    scratch_write(&fixture.scratch, "volume/file", "content", 0644);
    fixture.plan.work.key = &key;
    expect_backup();
    cr_assert(key.known);

    /* Without its key files nothing but the key opens it. */
    scratch_shell(&fixture.scratch, "mv bucket/%s/keys away", FIXTURE_APP);
    next_backup();
    scratch_shell(&fixture.scratch, "mv away bucket/%s/keys", FIXTURE_APP);
    backup_fixture_check(&fixture);
}

Test(backup_run, derives_the_key_again_when_the_repository_was_replaced)
{
    struct work_key key = {0};
    scratch_write(&fixture.scratch, "volume/file", "content", 0644);
    fixture.plan.work.key = &key;
    expect_backup();
    struct work_key first = key;

    scratch_shell(&fixture.scratch, "rm -rf bucket/%s", FIXTURE_APP);
    next_backup();
    cr_expect(key.known);
    cr_expect(ne(int, memcmp(first.bytes, key.bytes, sizeof(key.bytes)), 0));
    backup_fixture_check(&fixture);
}

Test(backup_run, touches_no_application_while_somebody_has_the_repository_to_himself)
{
    struct error err = {0};
    struct object_store *store = NULL;
    struct repository *repository = NULL;
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "dump", "", true);
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "freeze", "", true);
    expect_backup();
    scratch_shell(&fixture.scratch, "rm log");
    open_repository(&store, &repository);
    cr_assert(eq(int, (int)repository_lock(repository, true, NULL, &err), STATUS_OK));

    fixture.plan.backup = "55555555-5555-4555-8555-555555555555";
    fail_backup(STATUS_LOCKED, "repository_locked");

    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture), ""));
    fixture.plan.backup = FIXTURE_BACKUP;
    expect_backup(); /* it is there already, whoever works on the repository */
    cr_assert(eq(int, (int)repository_unlock(repository, &err), STATUS_OK));
    next_backup();
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture),
                 "pre-backup dump backup; pre-snapshot freeze backup"));
    repository_close(repository);
    object_store_close(store);
    backup_fixture_check(&fixture);
}
