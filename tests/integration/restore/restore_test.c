/* Back again: what a backup took, by us or by the stock restic, stands as it was. */
#include "restore/restore.h"

#include "backup/backup.h"
#include "bucket/object_store.h"
#include "core/point.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "tests/support/backup_fixture.h"
#include "tests/support/loop_device.h"
#include "tests/support/tree_compare.h"
#include "undo/undo.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB "77777777-7777-4777-8777-777777777777"

static struct backup_fixture fixture;
static struct work_result result;
static struct restore_plan plan;
static char target[PATH_MAX];

static void renew_result(void)
{
    struct error err = {0};
    work_result_done(&result);
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
}

static void set_up(void)
{
    struct error err = {0};
    backup_fixture_open(&fixture);
    cr_assert(eq(int, (int)work_result_init(&result, &err), STATUS_OK));
    snprintf(target, sizeof(target), "%s/out", fixture.scratch.path);
    plan = (struct restore_plan){
        .work = fixture.plan.work,
        .job = JOB,
        .backup = FIXTURE_BACKUP,
        .app = &fixture.app,
        .undo_directory = fixture.plan.undo_directory,
        .target = target,
    };
}

static void tear_down(void)
{
    work_result_done(&result);
    backup_fixture_close(&fixture);
}

TestSuite(restore, .init = set_up, .fini = tear_down);
TestSuite(restore_in_place, .init = set_up, .fini = tear_down);

static void back_up(void)
{
    struct error err = {0};
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
    renew_result();
}

static const char *details(void)
{
    static char text[16384];
    char *json = json_dumps(result.state_details, JSON_COMPACT);
    snprintf(text, sizeof(text), "%s", json);
    free(json);
    return text;
}

static void restore(void)
{
    struct error err = {0};
    renew_result();
    enum status status = restore_run(&plan, &result, &err);
    cr_assert(eq(int, (int)status, STATUS_OK), "%s\n%s", err.text, details());
    cr_assert(eq(i64, result.bytes_done, result.bytes_total));
}

static void fail_restore(enum status wanted, const char *reason)
{
    struct error err = {0};
    renew_result();
    enum status status = restore_run(&plan, &result, &err);
    cr_assert(eq(int, (int)status, (int)wanted), "%s\n%s", err.text, details());
    cr_assert(eq(str, err.reason, (char *)(uintptr_t)reason), "%s", err.text);
}

static size_t compare_target(void)
{
    char actual[2 * PATH_MAX];
    snprintf(actual, sizeof(actual), "%s%s", target, fixture.volumes[0]);
    return tree_compare(fixture.volumes[0], actual);
}

static void expect_output(const char *expected, const char *shell)
{
    char *output = scratch_output(&fixture.scratch, "%s", shell);
    cr_assert(eq(str, output, (char *)(uintptr_t)expected), "%s: %s", shell, output);
    free(output);
}

/* Nothing of ours is left: no lock, no record, no place. */
static void expect_clean(void)
{
    expect_output("", "ls undo bucket/*/locks 2>/dev/null | grep -v ':$' | tr -d '\\n'; "
                      "find . -name '.*appbackup*'; true");
}

Test(restore, brings_back_every_kind_of_file_to_the_last_attribute)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();

    restore();

    cr_expect(gt(sz, compare_target(), 90));
    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s", details());
    cr_expect(eq(sz, strlen(result.repository_snapshot), 64));
    expect_clean();
}

Test(restore, writes_holes_where_there_are_zeros)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();

    restore();

    expect_output("few", "d=out$PWD/volume; for f in sparse hole zeros; do"
                         " test $(stat -c %b $d/$f) -le 64 || echo many $f; done; echo few");
    cr_expect(gt(sz, compare_target(), 90));
}

Test(restore, reads_what_the_stock_restic_wrote)
{
    backup_fixture_make_every_kind(&fixture);
    scratch_shell(&fixture.scratch,
                  "touch -r volume stamp; rm volume/badlink; touch -r stamp volume");
    back_up(); /* makes the repository */
    scratch_shell(&fixture.scratch, "head -c 30000000 /dev/urandom >volume/later");
    free(backup_fixture_restic(&fixture, "backup --compression off %s", fixture.volumes[0]));
    char *id = backup_fixture_restic(
        &fixture, "snapshots latest --json | grep -o '\"id\":\"[0-9a-f]*\"' | cut -c 7-70");
    cr_assert(eq(sz, strlen(id), 64), "%s", id);
    plan.snapshot = id;

    restore();

    cr_expect(gt(sz, compare_target(), 90));
    free(id);
}

/* Its id is in the recorded of the plan. */
static void record_snapshot(char recorded[RESTIC_ID_SIZE])
{
    struct error err = {0};
    cr_assert(eq(int, (int)backup_run(&fixture.plan, &result, &err), STATUS_OK), "%s", err.text);
    memcpy(recorded, result.repository_snapshot, RESTIC_ID_SIZE);
    plan.snapshot = recorded;
}

Test(restore, finds_a_snapshot_that_was_stored_anew_by_its_tag)
{
    char recorded[RESTIC_ID_SIZE];
    scratch_shell(&fixture.scratch, "echo text >volume/file");
    record_snapshot(recorded);
    free(backup_fixture_restic(&fixture, "tag --add keep"));

    restore();

    cr_expect(gt(sz, compare_target(), 0));
    cr_expect(ne(str, result.repository_snapshot, recorded));
    free(backup_fixture_restic(&fixture, "forget %s", result.repository_snapshot));
    fail_restore(STATUS_NOT_FOUND, "snapshot_missing");
}

Test(restore, takes_the_latest_with_the_tag_when_the_recorded_one_cannot_be_read)
{
    char recorded[RESTIC_ID_SIZE], second[RESTIC_ID_SIZE];
    scratch_shell(&fixture.scratch, "echo text >volume/file");
    record_snapshot(recorded);
    scratch_shell(&fixture.scratch, "cd bucket/*/snapshots && chmod 600 * && : >%s", recorded);
    fail_restore(STATUS_CORRUPT, "corrupt");
    scratch_shell(&fixture.scratch, "echo changed >volume/file");
    record_snapshot(second); /* another attempt at the same backup, which could not know */
    plan.snapshot = recorded;

    restore();

    cr_expect(gt(sz, compare_target(), 0));
    cr_expect(eq(str, result.repository_snapshot, second));
}

Test(restore, with_one_thread_gives_the_same)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    plan.threads = 1;

    restore();

    cr_expect(gt(sz, compare_target(), 90));
}

Test(restore, with_many_threads_gives_the_same)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    plan.threads = 16;

    restore();

    cr_expect(gt(sz, compare_target(), 90));
}

Test(restore, makes_the_parents_of_what_is_included_and_nothing_else)
{
    static const char *const includes[] = {"b/c/", "h1", NULL};
    scratch_shell(&fixture.scratch, "cd volume && mkdir -p a/b/c a/x && echo 1 >a/b/c/one && "
                                    "echo 2 >a/b/two && echo 3 >h1 && echo 4 >a/x/four");
    back_up();
    plan.includes = includes;

    restore();

    expect_output("a a/b a/b/c a/b/c/one h1",
                  "cd out$PWD/volume && find . -mindepth 1 | sort | cut -c3- | tr '\\n' ' ' | "
                  "sed 's/ $//'");
    cr_expect(eq(i64, result.bytes_total, 4));
}

Test(restore, leaves_other_files_alone_and_replaces_what_is_in_the_way)
{
    scratch_shell(&fixture.scratch, "cd volume && mkdir d && echo new >d/f && echo deep >d/g && "
                                    "ln -s f d/l && mkdir e && echo in >e/in");
    back_up();
    scratch_shell(&fixture.scratch,
                  "mkdir -p evil out$PWD/volume/d && cd out$PWD/volume && echo keep >d/other && "
                  "echo old >$OLDPWD/evil/victim && ln -s $OLDPWD/evil/victim d/f && "
                  "mkdir d/g && echo x >d/l && ln -s $OLDPWD/evil e");

    restore();

    expect_output("new deep f keep in old victim",
                  "cd out$PWD/volume && echo $(cat d/f d/g; readlink d/l; cat d/other e/in; cat "
                  "$OLDPWD/evil/victim; ls $OLDPWD/evil)");
}

Test(restore, does_not_replace_a_directory_that_is_not_empty)
{
    scratch_shell(&fixture.scratch, "cd volume && echo new >f && echo other >g");
    back_up();
    scratch_shell(&fixture.scratch, "mkdir -p out$PWD/volume/f/x");

    fail_restore(STATUS_CONFLICT, "files_not_restored");

    cr_expect(ne(ptr, strstr(details(), "file_not_restored"), NULL), "%s", details());
    cr_expect(ne(ptr, strstr(details(), "volume/f'"), NULL), "%s", details());
    expect_output("other", "cat out$PWD/volume/g");
}

Test(restore, fetches_nothing_that_is_there_already)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    restore();
    scratch_shell(&fixture.scratch,
                  "touch out$PWD/volume/text && chmod 600 out$PWD/volume/setuid &&"
                  "find bucket/*/data -type f -size +2000k | xargs rm");

    restore(); /* the packs with the content are gone */

    cr_expect(gt(sz, compare_target(), 90));
}

Test(restore, puts_right_what_has_changed_since)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    restore();
    scratch_shell(&fixture.scratch,
                  "cd out$PWD/volume && change_byte large 9000000 && printf HELLO >a/b/c/small && "
                  "rm h2 && echo >>text && rm rel && touch rel && change_byte hole 3000000");

    restore();

    cr_expect(gt(sz, compare_target(), 90));
}

/* In a process of its own, which must be killed there. */
static void die_at(const char *point)
{
    struct error err = {0};
    int status = 0;
    renew_result();
    pid_t pid = fork();
    cr_assert(ge(int, pid, 0));
    if (pid == 0) {
        point_arm(point);
        enum status ended = restore_run(&plan, &result, &err);
        (void)fprintf(stderr, "%s: ended with %d %s\n", point, (int)ended, err.text);
        _exit(1);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    cr_assert(killed, "%s: did not die", point);
}

Test(restore, goes_on_where_it_was_killed)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    die_at("kill:restored:20");
    die_at("kill:restored:5");
    die_at("kill:finish:1");

    restore();

    cr_expect(gt(sz, compare_target(), 90));
}

/* The middle of the largest pack. */
static void flip_a_bit(void)
{
    scratch_shell(&fixture.scratch,
                  "p=$(ls -S bucket/*/data/*/* | head -1) && chmod u+w $p && "
                  "python3 -c \"import sys\nf=open(sys.argv[1],'r+b')\nf.seek(5000000)\n"
                  "b=f.read(1)\nf.seek(5000000)\nf.write(bytes([b[0]^4]))\" $p");
}

Test(restore, names_the_pack_and_the_file_of_a_flipped_bit_and_restores_the_rest)
{
    scratch_shell(&fixture.scratch, "head -c 12000000 /dev/urandom >volume/broken && "
                                    "echo fine >volume/fine && ln volume/broken volume/linked");
    back_up();
    flip_a_bit();

    fail_restore(STATUS_CORRUPT, "data_damaged");

    cr_expect(ne(ptr, strstr(details(), "volume/broken'"), NULL), "%s", details());
    cr_expect(ne(ptr, strstr(details(), "pack "), NULL), "%s", details());
    cr_expect(ne(ptr, strstr(details(), "volume/linked'"), NULL), "%s", details());
    expect_output("fine", "cd out$PWD/volume && ls");
}

Test(restore, tells_of_a_pack_that_is_missing)
{
    scratch_shell(&fixture.scratch, "head -c 3000000 /dev/urandom >volume/broken && "
                                    "ln -s broken volume/link");
    back_up();
    scratch_shell(&fixture.scratch, "rm $(ls -S bucket/*/data/*/* | head -1)");

    fail_restore(STATUS_CORRUPT, "data_damaged");

    cr_expect(ne(ptr, strstr(details(), "volume/broken'"), NULL), "%s", details());
    expect_output("link", "cd out$PWD/volume && ls");
}

Test(restore, gives_what_is_before_the_cut_of_a_pack)
{
    scratch_shell(&fixture.scratch, "head -c 300000 /dev/urandom >volume/1 && "
                                    "head -c 300000 /dev/urandom >volume/2");
    fixture.plan.threads = 1; /* each thread has a pack of its own: both files in one */
    back_up();
    scratch_shell(
        &fixture.scratch,
        "p=$(ls -S bucket/*/data/*/* | head -1) && chmod u+w $p && truncate -s 310000 $p");

    fail_restore(STATUS_CORRUPT, "data_damaged");

    expect_output("1", "cd out$PWD/volume && ls | wc -l");
}

Test(restore, of_a_snapshot_that_is_not_there_says_so)
{
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    plan.backup = "99999999-9999-4999-8999-999999999999";
    fail_restore(STATUS_NOT_FOUND, "snapshot_missing");
    plan.snapshot = "00000000000000000000000000000000000000000000000000000000000000ff";
    fail_restore(STATUS_NOT_FOUND, "snapshot_missing");
    plan.snapshot = "latest";
    fail_restore(STATUS_INVALID, "invalid");
}

Test(restore, to_a_full_disk_says_so_and_can_be_tried_again)
{
    struct loop_device device;
    loop_device_open(&device, LOOP_DEVICE_EXT4);
    scratch_shell(&fixture.scratch, "head -c 60000000 /dev/urandom >volume/large");
    back_up();
    scratch_shell(&fixture.scratch,
                  "cd %s && fallocate -l $(($(df --output=avail -B1 . | tail -1)"
                  " - 30000000)) ballast",
                  device.path);
    snprintf(target, sizeof(target), "%s/out", device.path);

    fail_restore(STATUS_NO_SPACE, "no_space");

    scratch_shell(&fixture.scratch, "rm %s/ballast", device.path);
    restore();
    cr_expect(eq(sz, compare_target(), 2));
    loop_device_close(&device);
}

/* A repository by somebody who means ill: one tree, as he pleases, with a good file in it. */
static void make_hostile(const char *nodes)
{
    struct error err = {0};
    CLEANUP(object_store_closep) struct object_store *store = NULL;
    CLEANUP(repository_closep) struct repository *repository = NULL;
    struct blob_id content;
    struct repository_snapshot snapshot = {
        .time = {.tv_sec = 1700000000},
        .paths = (const char *const[]){"/x", NULL},
        .hostname = "h",
        .username = "u",
        .tags = {"backup=" FIXTURE_BACKUP},
    };
    char id[BLOB_ID_TEXT_SIZE];
    char text[8192];
    bool known = false;
    cr_assert(eq(
        int,
        (int)object_store_open_directory("nightly", fixture.bucket.path, FIXTURE_APP, &store, &err),
        STATUS_OK));
    cr_assert(
        eq(int, (int)repository_create(store, plan.work.passphrase, &repository, &err), STATUS_OK));
    cr_assert(
        eq(int, (int)repository_save_blob(repository, BLOB_DATA, "evil", 4, &content, &known, &err),
           STATUS_OK));
    blob_id_to_text(&content, id);
    int len = snprintf(text, sizeof(text), "{\"nodes\":[");
    for (const char *at = nodes; *at != '\0'; at++)
        len += *at == '@' ? snprintf(text + len, sizeof(text) - (size_t)len,
                                     "\"type\":\"file\",\"mode\":420,\"content\":[\"%s\"]", id)
                          : snprintf(text + len, sizeof(text) - (size_t)len, "%c", *at);
    len += snprintf(text + len, sizeof(text) - (size_t)len, "]}\n");
    cr_assert(eq(int,
                 (int)repository_save_blob(repository, BLOB_TREE, text, (size_t)len, &snapshot.tree,
                                           &known, &err),
                 STATUS_OK));
    cr_assert(eq(int, (int)repository_flush(repository, &err), STATUS_OK));
    cr_assert(eq(int, (int)repository_save_snapshot(repository, &snapshot, &err), STATUS_OK), "%s",
              err.text);
}

#define LINK(name, target) \
    "{\"name\":\"" name "\",\"type\":\"symlink\",\"linktarget\":\"" target "\"}"

static const char *const hostile[] = {
    "{\"name\":\"../evil\",@}",
    "{\"name\":\"..\",@}",
    "{\"name\":\"/evil\",@}",
    "{\"name\":\"\\u0000\",@}",
    "{\"name\":\"a/../../evil\",@}",
    LINK("a", "..") ",{\"name\":\"a\",@}", /* a link, and then through it */
    LINK("a", "..") ",{\"name\":\"a/evil\",@}",
};

Test(restore, lets_no_tree_lead_out_of_the_target)
{
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        scratch_shell(&fixture.scratch, "rm -rf out bucket/* seen-buckets && mkdir -p deep");
        snprintf(target, sizeof(target), "%s/deep/out", fixture.scratch.path);
        make_hostile(hostile[i]);

        fail_restore(STATUS_CORRUPT, "data_damaged");

        expect_output("", "find . /evil -name '*evil*' 2>/dev/null; true");
        scratch_shell(&fixture.scratch, "rm -rf deep/out");
    }
}

/* Two names that claim to be one file, but are not of one size or kind, are two. */
Test(restore, believes_no_hard_link_between_unequal_entries)
{
    make_hostile("{\"name\":\"1\",\"inode\":7,\"links\":2,\"size\":4,@},"
                 "{\"name\":\"2\",\"inode\":7,\"links\":2,\"size\":3,@}");

    restore();

    expect_output("evil evil 1 1", "cd out && echo $(cat 1; echo; cat 2; echo; stat -c %h 1 2)");
}

Test(restore, ends_when_it_is_cancelled)
{
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    cancel_request(&fixture.cancel, STATUS_CANCELED);

    fail_restore(STATUS_CANCELED, "canceled");
}

Test(restore, as_another_user_warns_of_what_only_root_can_set)
{
    int status = 0;
    scratch_shell(&fixture.scratch, "cd volume && echo x >x && chmod 4755 x && mknod n c 1 3 && "
                                    "chmod 711 .. && chmod -R a+rX ../bucket; mkdir ../open && "
                                    "chmod 777 ../open");
    back_up();
    scratch_shell(&fixture.scratch, "chmod -R a+rwX bucket seen-buckets");
    snprintf(target, sizeof(target), "%s/open/out", fixture.scratch.path);
    pid_t pid = fork();
    if (pid == 0) {
        struct error err = {0};
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        if (restore_run(&plan, &result, &err) != STATUS_OK) {
            (void)fprintf(stderr, "%s\n%s\n", err.text, details());
            _exit(3);
        }
        _exit(strstr(details(), "attributes_not_restored") == NULL ? 4 : 0);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    cr_assert(eq(int, status, 0));
    expect_output("755 65534 x", "cd open/out$PWD/volume && stat -c '%a %u %n' *");
}

Test(restore_in_place, gives_the_application_what_it_had_and_runs_its_hooks)
{
    backup_fixture_make_every_kind(&fixture);
    backup_fixture_add_hook(&fixture, HOOK_PRE_RESTORE, "stop", ":", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_RESTORE, "start", "ls \"$0/volume\" >\"$0/seen\"",
                            false);
    back_up();
    scratch_shell(&fixture.scratch, "cp -a volume expected && rm -rf volume/* && echo >volume/bad");
    plan.target = NULL;

    restore();

    char expected[PATH_MAX];
    snprintf(expected, sizeof(expected), "%s/expected", fixture.scratch.path);
    cr_expect(gt(sz, tree_compare(expected, fixture.volumes[0]), 90));
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture),
                 "pre-restore stop restore; post-restore start restore"));
    cr_expect(eq(int, (int)result.hook_state, HOOK_STATE_SUCCESS));
    expect_output("0", "grep -cx bad seen; true");
    expect_clean();
}

Test(restore_in_place, makes_a_volume_that_is_gone)
{
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    scratch_shell(&fixture.scratch, "rm -r volume");
    plan.target = NULL;

    restore();

    expect_output("x", "cat volume/x");
    expect_clean();
}

Test(restore_in_place, changes_nothing_when_data_are_damaged)
{
    scratch_shell(&fixture.scratch, "head -c 12000000 /dev/urandom >volume/broken");
    backup_fixture_add_hook(&fixture, HOOK_PRE_RESTORE, "stop", ":", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_RESTORE, "start", ":", false);
    back_up();
    flip_a_bit();
    scratch_shell(&fixture.scratch, "rm volume/broken; echo old >volume/old");
    plan.target = NULL;

    fail_restore(STATUS_CORRUPT, "data_damaged");

    expect_output("old", "ls volume");
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture),
                 "pre-restore stop restore; post-restore start undo"));
    expect_clean();
}

/* The configuration was right when the backup was made; then the bucket came to lie in the volume.
 */
Test(restore_in_place, does_not_take_the_bucket_away_with_the_volume)
{
    backup_fixture_add_hook(&fixture, HOOK_PRE_RESTORE, "stop", ":", false);
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    scratch_shell(&fixture.scratch, "mv bucket volume/bucket && ln -s volume/bucket bucket");
    plan.target = NULL;

    fail_restore(STATUS_INVALID, "configuration_invalid");

    expect_output("1", "ls bucket/*/snapshots | wc -l");
    expect_output("bucket x", "echo $(ls volume)");
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture), ""));
}

Test(restore_in_place, refuses_a_part_and_volumes_that_the_backup_does_not_hold)
{
    static const char *const includes[] = {"x", NULL};
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    plan.target = NULL;
    plan.includes = includes;
    fail_restore(STATUS_INVALID, "include_needs_target");

    plan.includes = NULL;
    scratch_shell(&fixture.scratch, "mkdir second; echo s >second/s");
    backup_fixture_add_volume(&fixture, scratch_path(&fixture.scratch, "second"));
    fail_restore(STATUS_NOT_FOUND, "volume_not_in_backup");
    expect_output("s x", "echo $(cat second/s volume/x)");
    expect_clean();
}

Test(restore_in_place, keeps_what_the_excludes_leave_out)
{
    backup_fixture_add_exclude(&fixture, "/media");
    backup_fixture_add_exclude(&fixture, "*.log");
    fixture.app.exclude_caches = true;
    backup_fixture_add_hook(&fixture, HOOK_POST_RESTORE, "start",
                            "cd \"$0/volume\" && find . -type f | sort | xargs cat >\"$0/seen\"",
                            false);
    scratch_shell(
        &fixture.scratch,
        "cd volume && mkdir -p media/m d/e cache && echo video >media/m/video && "
        "echo 1 >1.log && echo 2 >d/e/2.log && ln -s / d/link.log && echo data >d/data && "
        "echo 'Signature: 8a477f597d28d172789f06886806bc55' >cache/CACHEDIR.TAG && "
        "echo page >cache/page && touch -d 2001-01-01 d/e d cache .");
    back_up();
    scratch_shell(&fixture.scratch, "cp -a volume expected && cd volume && echo bad >d/data && "
                                    "echo later >later && touch d/e d cache");
    plan.target = NULL;

    restore();

    char expected[PATH_MAX];
    snprintf(expected, sizeof(expected), "%s/expected", fixture.scratch.path);
    cr_expect(eq(sz, tree_compare(expected, fixture.volumes[0]), 13));
    expect_output("", "cd expected && find . -type f | sort | xargs cat | cmp - ../seen");
    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s", details());
    expect_clean();
}

Test(restore_in_place, makes_the_parents_of_excluded_files_as_they_were)
{
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    scratch_shell(&fixture.scratch,
                  "cd volume && mkdir -p a/b a/plain && echo log >a/b/x.log && echo y >a/b/y && "
                  "chown 12:34 a a/b && chmod 2751 a && chmod 700 a/b && "
                  "setfattr -n user.x -v y a/b && touch -d 2001-01-01 a a/b && "
                  "stat -c '%%u %%g %%a %%Y' a a/b >../expected");
    plan.target = NULL;

    restore();

    expect_output("a\na/b\na/b/x.log\nx", "cd volume && find * | sort");
    expect_output("", "cd volume && stat -c '%u %g %a %Y' a a/b | cmp - ../expected && "
                      "getfattr -d a/b | grep -q 'user.x=\"y\"'");
    expect_clean();
}

/* The backup was made before the app's file said so. */
Test(restore_in_place, keeps_of_an_excluded_directory_what_the_backup_does_not_hold)
{
    scratch_shell(&fixture.scratch, "cd volume && mkdir -p media/m && echo 1 >media/m/1");
    back_up();
    backup_fixture_add_exclude(&fixture, "/media");
    scratch_shell(&fixture.scratch, "cd volume/media && echo changed >m/1 && echo 2 >m/2 && "
                                    "mkdir n && echo 3 >n/3");
    plan.target = NULL;

    restore();

    expect_output("1\n2\n3", "cat volume/media/*/*");
    expect_clean();
}

/* What cannot be carried over stays in the old volume, which is left to people. */
Test(restore_in_place, does_not_remove_excluded_files_that_have_no_place)
{
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(&fixture.scratch,
                  "mkdir outside && cd volume && echo file >file && ln -s ../outside link");
    back_up();
    scratch_shell(&fixture.scratch, "cd volume && rm file link && mkdir -p file/f link && "
                                    "echo 1 >file/f/1.log && echo 2 >link/2.log && echo 3 >3.log");
    plan.target = NULL;

    restore();

    cr_expect(ne(ptr, strstr(details(), "excluded_left"), NULL), "%s", details());
    cr_expect(ne(ptr, strstr(details(), "volume/file/f/1.log'"), NULL), "%s", details());
    cr_expect(ne(ptr, strstr(details(), "/.volume.appbackup-restore-" JOB "'"), NULL), "%s",
              details());
    expect_output("3.log file link", "echo $(ls volume; ls outside)");
    expect_output("1 2", "cd .volume.appbackup-restore-" JOB " && echo $(cat file/f/* link/*)");
    scratch_shell(&fixture.scratch, "rm -r .volume.appbackup-restore-" JOB);
    expect_clean();
}

/* Only the next attempt of the job gives up. */
Test(restore_in_place, does_not_remove_them_when_others_finish_it)
{
    struct error err = {0};
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(&fixture.scratch, "echo file >volume/file");
    back_up();
    scratch_shell(&fixture.scratch, "cd volume && rm file && mkdir file && echo 1 >file/1.log && "
                                    "echo 2 >2.log");
    plan.target = NULL;
    die_at("kill:carry:1");

    enum status status = undo_job(plan.undo_directory, JOB, &err);
    cr_expect(eq(int, (int)status, STATUS_CONFLICT));
    cr_expect(eq(str, err.reason, "excluded_left"));
    cr_assert(eq(int, (int)restore_run(&plan, &result, &err), STATUS_OK), "%s", err.text);

    cr_expect(ne(ptr, strstr(details(), "excluded_left"), NULL), "%s", details());
    expect_output("1 2 file",
                  "cat .volume.appbackup-restore-" JOB "/file/1.log volume/2.log volume/file | "
                  "tr '\\n' ' ' | sed 's/ $//'");
    scratch_shell(&fixture.scratch, "rm -r .volume.appbackup-restore-" JOB "; rm bucket/*/locks/*");
    expect_clean();
}

static const char *const crash_points[] = {
    "kill:pre-restore:1", "kill:plan:1",     "kill:restored:3",    "kill:finish:1",
    "kill:swap:1",        "kill:exchange:1", "kill:exchange:2",    "kill:exchanged:1",
    "kill:swap-done:1",   "kill:carry:1",    "kill:carried:1",     "kill:carried:3",
    "kill:carried:6",     "kill:cleanup:1",  "kill:cleanup-done:1"};

ParameterizedTestParameters(restore_in_place, has_all_of_the_old_or_all_of_the_new_when_killed_at)
{
    static size_t indexes[sizeof(crash_points) / sizeof(crash_points[0])];
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
        indexes[i] = i;
    return cr_make_param_array(size_t, indexes, sizeof(indexes) / sizeof(indexes[0]));
}

static void two_volumes(void)
{
    scratch_shell(&fixture.scratch, "mkdir second && for v in volume second; do (cd $v && mkdir d "
                                    "&& for i in 1 2 3 4; do echo new $i >d/$i; done); done");
    backup_fixture_add_volume(&fixture, scratch_path(&fixture.scratch, "second"));
    backup_fixture_add_hook(&fixture, HOOK_PRE_RESTORE, "stop", ":", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_RESTORE, "start", ":", false);
    back_up();
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(&fixture.scratch, "rm -r volume/d second/d; for v in volume second; do"
                                    " (cd $v && echo old >o && mkdir -p .in/d &&"
                                    " echo 1 >.1.log && echo 2 >.in/2.log && echo 3 >.in/d/3.log);"
                                    " done");
    plan.target = NULL;
}

static const char show_excluded[] =
    "for v in volume second; do (cd $v && cat .1.log .in/2.log .in/d/3.log | tr '\\n' ' '); done";

static const char show_volumes[] =
    "for v in volume second; do (cd $v && ls | grep -v lost+found | tr '\\n' ' '); done";

ParameterizedTest(size_t *index, restore_in_place,
                  has_all_of_the_old_or_all_of_the_new_when_killed_at)
{
    const char *point = crash_points[*index];
    struct error err = {0};
    two_volumes();
    die_at(point);

    cr_assert(eq(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_OK), "%s", err.text);

    bool is_new = strstr(point, "swap-done") != NULL || strstr(point, "carr") != NULL ||
                  strstr(point, "cleanup") != NULL;
    expect_output(is_new ? "d d " : "o o ", show_volumes);
    expect_output("1 2 3 1 2 3 ", show_excluded);
    const char *log = backup_fixture_log(&fixture);
    bool let_go = strstr(log, "pre-restore") == NULL || strstr(log, "post-restore") != NULL;
    cr_expect(let_go, "%s", log);
    renew_result();
    cr_assert(eq(int, (int)restore_run(&plan, &result, &err), STATUS_OK), "%s", err.text);
    expect_output("d d ", show_volumes);
    expect_output("new 1 new 2 new 3 new 4", "echo $(cat second/d/*)");
    expect_output("1 2 3 1 2 3 ", show_excluded);
    if (is_new) /* nothing was left to do in the bucket: the next job removes a dead one's lock */
        scratch_shell(&fixture.scratch, "rm -f bucket/*/locks/*");
    expect_clean();
}

/* As Redis would answer whose claim another has by now, when it is asked. */
static enum status lose_claim(void *context, const struct work_report *report, struct error *err)
{
    bool *asked = context;
    if (!report->confirm)
        return STATUS_OK;
    *asked = true;
    return FAIL_REASON(err, STATUS_LOST, REASON_LEASE_LOST, "epoch 1 no longer holds it");
}

Test(restore_in_place, exchanges_nothing_without_its_claim)
{
    bool asked = false;
    struct error err = {0};
    two_volumes();
    plan.work.report = lose_claim;
    plan.work.context = &asked;

    fail_restore(STATUS_LOST, "lease_lost");

    cr_expect(asked);
    expect_output("o o ", show_volumes);
    expect_output("1", "grep -c '\"phase\": *\"beside\"' undo/*.json");
    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture),
                 "pre-restore stop restore; post-restore start undo"));
    cr_assert(eq(int, (int)undo_discard(plan.undo_directory, JOB, &err), STATUS_OK), "%s",
              err.text);
    expect_output("o o ", show_volumes);
    expect_clean();
}

Test(restore_in_place, is_discarded_with_all_that_it_left)
{
    struct error err = {0};
    two_volumes();
    die_at("kill:finish:1");

    cr_assert(eq(int, (int)undo_discard(plan.undo_directory, JOB, &err), STATUS_OK), "%s",
              err.text);

    expect_output("o o ", show_volumes);
    scratch_shell(&fixture.scratch, "rm bucket/*/locks/*");
    expect_clean();
}

/* A volume that is a mount point. Its entries are exchanged one by one. */
static void mounted_volume(struct loop_device *device, enum loop_device_kind kind)
{
    loop_device_open(device, kind);
    free(fixture.volumes[0]);
    fixture.volumes[0] = strdup(device->path);
    scratch_shell(&device->scratch,
                  "cd %s && mkdir d e && for i in 1 2 3; do echo new $i >d/$i; "
                  "done && chown 12:34 . && chmod 751 .",
                  device->path);
    back_up();
    scratch_shell(&device->scratch,
                  "cd %s && rm -r d e; for i in 1 2 3 4; do echo old >o$i; done;"
                  "chown 0:0 .; chmod 700 .",
                  device->path);
    plan.target = NULL;
}

static void expect_mounted(const struct loop_device *device, const char *expected)
{
    char *output = scratch_output(
        &device->scratch, "cd %s && ls -A | grep -v -e lost+found -e appbackup | tr '\\n' ' '",
        device->path);
    cr_assert(eq(str, output, (char *)(uintptr_t)expected));
    free(output);
}

static const enum loop_device_kind kinds[] = {LOOP_DEVICE_EXT4, LOOP_DEVICE_BTRFS};

Test(restore_in_place, exchanges_the_entries_of_a_volume_that_cannot_be_renamed)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct loop_device device;
        mounted_volume(&device, kinds[i]);

        restore();

        expect_mounted(&device, "d e ");
        char *output = scratch_output(&device.scratch,
                                      "cd %s && stat -c '%%u %%g %%a' . && ls -A | grep -c "
                                      "appbackup; cat d/*",
                                      device.path);
        cr_expect(eq(str, output, "12 34 751\n0\nnew 1\nnew 2\nnew 3"));
        free(output);
        free(fixture.volumes[0]);
        fixture.volumes[0] = strdup(scratch_path(&fixture.scratch, "volume"));
        fixture.plan.backup = "55555555-5555-4555-8555-555555555555";
        plan.backup = fixture.plan.backup;
        loop_device_close(&device);
    }
}

/* d, e and lost+found come, o1 to o4 go: eight moves of entries in all but for lost+found. */
Test(restore_in_place, takes_back_moves_that_a_kill_cut_short)
{
    struct loop_device device;
    struct error err = {0};
    mounted_volume(&device, LOOP_DEVICE_EXT4);
    for (int move = 1; move <= 6; move++) {
        char point[32];
        snprintf(point, sizeof(point), "kill:move:%d", move);
        die_at(point);
        cr_assert(eq(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_OK), "%s",
                  err.text);
        expect_mounted(&device, "o1 o2 o3 o4 ");
    }

    restore();

    expect_mounted(&device, "d e ");
    loop_device_close(&device);
}

Test(restore_in_place, keeps_what_is_excluded_of_a_volume_that_cannot_be_renamed)
{
    struct loop_device device;
    struct error err = {0};
    mounted_volume(&device, LOOP_DEVICE_EXT4);
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(&device.scratch,
                  "cd %s && mkdir -p d o5 && echo 1 >1.log && echo 2 >d/2.log && echo 3 >o5/3.log",
                  device.path);
    die_at("kill:move:8");
    cr_assert(eq(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_OK), "%s", err.text);
    expect_mounted(&device, "1.log d o1 o2 o3 o4 o5 ");
    die_at("kill:carried:2");
    cr_assert(eq(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_OK), "%s", err.text);

    cr_assert(eq(int, (int)restore_run(&plan, &result, &err), STATUS_OK), "%s", err.text);

    expect_mounted(&device, "1.log d e o5 ");
    char *output = scratch_output(&device.scratch, "cd %s && cat 1.log d/2.log o5/*", device.path);
    cr_expect(eq(str, output, "1\n2\n3"));
    free(output);
    loop_device_close(&device);
}

Test(restore_in_place, refuses_a_volume_with_a_mount_point_below)
{
    struct loop_device device;
    loop_device_open(&device, LOOP_DEVICE_EXT4);
    scratch_shell(&fixture.scratch, "mkdir volume/m; echo x >volume/x");
    back_up();
    scratch_shell(&fixture.scratch, "mount --bind %s volume/m", device.path);
    plan.target = NULL;

    fail_restore(STATUS_CONFLICT, "mount_below");

    scratch_shell(&fixture.scratch, "umount volume/m");
    expect_output("x", "cat volume/x");
    expect_clean();
    loop_device_close(&device);
}
