/* What a restore brings back to a target. */
#include "bucket/object_store.h"
#include "repository/repository.h"
#include "repository/snapshot.h"
#include "tests/support/loop_device.h"
#include "tests/support/restore_steps.h"
#include "tests/support/tree_compare.h"
#include "undo/undo.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(restore, .init = restore_steps_set_up, .fini = restore_steps_tear_down);

static size_t compare_target(void)
{
    char actual[2 * PATH_MAX];
    snprintf(actual, sizeof(actual), "%s%s", target, fixture.volumes[0]);
    return tree_compare(fixture.volumes[0], actual);
}

Test(restore, brings_back_every_kind_of_file_to_the_last_attribute)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();

    restore();

    cr_expect(lt(sz, 90, compare_target()));
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
    cr_expect(lt(sz, 90, compare_target()));
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

    cr_expect(lt(sz, 90, compare_target()));
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

    cr_expect(lt(sz, 0, compare_target()));
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

    cr_expect(lt(sz, 0, compare_target()));
    cr_expect(eq(str, result.repository_snapshot, second));
}

Test(restore, with_one_thread_gives_the_same)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    plan.threads = 1;

    restore();

    cr_expect(lt(sz, 90, compare_target()));
}

Test(restore, with_many_threads_gives_the_same)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    plan.threads = 16;

    restore();

    cr_expect(lt(sz, 90, compare_target()));
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
    plan.overwrite = true;

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
    plan.overwrite = true;

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
    plan.overwrite = true;

    restore(); /* the packs with the content are gone */

    cr_expect(lt(sz, 90, compare_target()));
}

Test(restore, puts_right_what_has_changed_since)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    restore();
    scratch_shell(&fixture.scratch,
                  "cd out$PWD/volume && change_byte large 9000000 && printf HELLO >a/b/c/small && "
                  "rm h2 && echo >>text && rm rel && touch rel && change_byte hole 3000000");
    plan.overwrite = true;

    restore();

    cr_expect(lt(sz, 90, compare_target()));
}

Test(restore, goes_on_where_it_was_killed)
{
    backup_fixture_make_every_kind(&fixture);
    back_up();
    die_at("kill:restored:20");
    die_at("kill:restored:5");
    die_at("kill:finish:1");

    restore();

    cr_expect(lt(sz, 90, compare_target()));
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
        .tags = (const char *const[]){"backup=" FIXTURE_BACKUP, NULL},
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
    scratch_shell(&fixture.scratch,
                  "chmod -R a+rwX bucket seen-buckets; mkdir -p undo; chown 65534 undo");
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

/* --- a target that is not empty --- */

Test(restore, refuses_a_target_that_is_not_empty)
{
    scratch_shell(&fixture.scratch, "echo new >volume/x");
    back_up();
    scratch_shell(&fixture.scratch, "mkdir -p out$PWD/volume && echo old >out$PWD/volume/x");

    fail_restore(STATUS_CONFLICT, "target_not_empty");

    expect_output("old", "cat out$PWD/volume/x");
    expect_clean();
    plan.overwrite = true;
    restore();
    expect_output("new", "cat out$PWD/volume/x");
    expect_clean();
}

Test(restore, takes_a_new_file_system_for_an_empty_target)
{
    scratch_shell(&fixture.scratch, "echo x >volume/x");
    back_up();
    scratch_shell(&fixture.scratch, "mkdir -p out/lost+found");

    restore();

    cr_expect(eq(sz, compare_target(), 2));
    expect_clean();
}

Test(restore, goes_on_in_a_target_where_only_itself_has_begun)
{
    struct error err = {0};
    backup_fixture_make_every_kind(&fixture);
    back_up();
    die_at("kill:restored:20");
    plan.job = "88888888-8888-4888-8888-888888888888";
    fail_restore(STATUS_CONFLICT, "target_not_empty");
    plan.job = "77777777-7777-4777-8777-777777777777";
    cr_assert(eq(int, (int)undo_job(plan.undo_directory, plan.job, &err), STATUS_OK), "%s",
              err.text);

    restore();

    cr_expect(lt(sz, 90, compare_target()));
    expect_clean();
    die_at("kill:plan:1");
    cr_assert(eq(int, (int)undo_discard(plan.undo_directory, plan.job, &err), STATUS_OK), "%s",
              err.text);
    expect_output("", "ls undo");
}

Test(restore, fails_when_nothing_matches_what_is_to_be_included)
{
    static const char *const includes[] = {"nosuch", NULL};
    scratch_shell(&fixture.scratch, "echo x >volume/x; mkdir volume/empty");
    back_up();
    plan.includes = includes;

    fail_restore(STATUS_NOT_FOUND, "nothing_included");

    expect_output("", "ls out");
    expect_clean();
    static const char *const directory[] = {"nosuch", "empty", NULL};
    plan.includes = directory;
    restore();
    expect_output("empty", "ls out$PWD/volume");
}

/* --- over what is there --- */

Test(restore, takes_away_extended_attributes_and_acls_that_were_added_since)
{
    scratch_shell(&fixture.scratch, "cd volume && mkdir d && echo same >same && echo x >d/x &&"
                                    " setfattr -n user.kept -v 1 same d && chmod 640 same &&"
                                    " setfacl -m u:12:r d/x");
    back_up();
    restore();
    scratch_shell(&fixture.scratch,
                  "cd out$PWD/volume && setfattr -n user.added -v 2 same d &&"
                  " setfattr -n trusted.added -v 2 same && setfattr -n user.kept -v other same &&"
                  " setfacl -m u:34:rwx same d && setfacl -d -m u:34:rwx d &&"
                  " setfacl -m u:34:rwx d/x && setfattr -n user.added -v 2 .");
    plan.overwrite = true;

    restore();

    cr_expect(eq(sz, compare_target(), 4));
    expect_output("user.kept=\"1\"\nuser.kept=\"1\"",
                  "cd out$PWD/volume && getfattr -d -m - same d . | grep =");
    expect_output("user:12:r--", "cd out$PWD/volume && getfacl -p same d d/x . | grep r:[0-9]");
    expect_output("640", "stat -c %a out$PWD/volume/same");
}

Test(restore, tells_of_an_immutable_file_and_restores_all_others)
{
    scratch_shell(&fixture.scratch,
                  "cd volume && echo new >fixed && echo new >other && mkdir log &&"
                  " echo new >log/l");
    back_up();
    scratch_shell(&fixture.scratch, "mkdir -p out$PWD/volume/log && cd out$PWD/volume &&"
                                    " echo older >fixed && chattr +i fixed && chattr +a log");
    plan.overwrite = true;

    fail_restore(STATUS_CONFLICT, "files_not_restored");

    scratch_shell(&fixture.scratch, "cd out$PWD/volume && chattr -i fixed && chattr -a log");
    expect_output("older\nnew\nnew", "cd out$PWD/volume && cat fixed other log/l");
    cr_expect(ne(ptr, strstr(details(), "fixed': replace what is there: it is immutable"), NULL),
              "%s", details());
}

/* The second attempt of a restore that was killed when directories already had their modes. */
Test(restore, goes_on_in_directories_that_their_owner_may_not_write_to)
{
    int status = 0;
    struct error err = {0};
    scratch_shell(&fixture.scratch,
                  "mkdir -p volume/mod/pkg && echo x >volume/mod/pkg/x.go &&"
                  " chmod 0555 volume/mod/pkg volume/mod && chown -R 1234 volume &&"
                  " chmod 711 . && mkdir -m 0777 open");
    back_up();
    scratch_shell(&fixture.scratch, "chmod -R a+rwX bucket seen-buckets;"
                                    " mkdir -p open/out$PWD/volume/mod/pkg;"
                                    " echo old >open/out$PWD/volume/mod/pkg/x.go;"
                                    " chmod -R a-w open/out$PWD/volume/mod; chown -R 1234 open");
    snprintf(target, sizeof(target), "%s/open/out", fixture.scratch.path);
    plan.overwrite = true;
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(1234) != 0 || setuid(1234) != 0)
            _exit(2);
        if (restore_run(&plan, &result, &err) == STATUS_OK)
            _exit(0);
        (void)fprintf(stderr, "%s\n%s\n", err.text, details());
        _exit(3);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));

    cr_assert(eq(int, status, 0));
    expect_output("x\n555 555", "cd open/out$PWD/volume && cat mod/pkg/x.go &&"
                                " echo $(stat -c %a mod mod/pkg)");
}

/* The application goes on: it has written the file anew by the time when ours goes. */
static enum status replace_broken(void *context, const struct work_report *report,
                                  struct error *err)
{
    bool *done = context;
    (void)err;
    if (*done || strcmp(report->stage, "finish") != 0)
        return STATUS_OK;
    scratch_shell(&fixture.scratch,
                  "cd out$PWD/volume && echo of the application >new && mv new broken");
    *done = true;
    return STATUS_OK;
}

Test(restore, removes_no_file_that_somebody_has_put_in_place_of_an_incomplete_one)
{
    bool done = false;
    scratch_shell(&fixture.scratch, "head -c 12000000 /dev/urandom >volume/broken");
    back_up();
    flip_a_bit();
    scratch_shell(&fixture.scratch, "mkdir -p out$PWD/volume");
    plan.overwrite = true;
    plan.work.report = replace_broken;
    plan.work.context = &done;

    fail_restore(STATUS_CORRUPT, "data_damaged");

    cr_expect(done);
    expect_output("of the application", "cat out$PWD/volume/broken");
}
