/* A restore in the place of the application: all of the old or all of the new. */
#include "tests/support/loop_device.h"
#include "tests/support/restore_steps.h"
#include "tests/support/tree_compare.h"
#include "undo/undo.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(restore_in_place, .init = restore_steps_set_up, .fini = restore_steps_tear_down);

#define JOB "77777777-7777-4777-8777-777777777777"

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
    cr_expect(lt(sz, 90, tree_compare(expected, fixture.volumes[0])));
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

/* --- somebody else's directory with the name of what is to be exchanged or removed --- */

#define PLACE ".volume.appbackup-restore-" JOB

static const char precious_is_whole[] = "find . -name only-copy -o -name own.log | wc -l";

/* root's, which the owner of the directory around may rename, but neither read nor empty. */
static void make_precious(void)
{
    scratch_shell(&fixture.scratch,
                  "echo x >volume/x; chown -R 1234 volume; mkdir -m 0700 precious;"
                  " mkdir precious/deep; touch precious/deep/only-copy"
                  " precious/own.log");
    back_up();
    plan.target = NULL;
}

Test(restore_in_place, does_not_remove_another_directory_that_got_the_name_of_the_old_data)
{
    make_precious();
    backup_fixture_add_hook(&fixture, HOOK_POST_RESTORE, "rename",
                            "cd \"$0\" && mv " PLACE " aside && mv precious " PLACE, false);

    restore();

    expect_output("2", precious_is_whole);
    expect_output("x", "cat aside/x");
    cr_expect(ne(ptr, strstr(details(), "old_left"), NULL), "%s", details());
    cr_expect(ne(ptr, strstr(details(), "is not what was there"), NULL), "%s", details());
    expect_output("", "ls undo");
}

Test(restore_in_place, carries_nothing_out_of_another_directory)
{
    struct error err = {0};
    make_precious();
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(&fixture.scratch, "echo log >volume/app.log");
    die_at("kill:carry:1");
    scratch_shell(&fixture.scratch, "mv " PLACE " aside && mv precious " PLACE);

    cr_expect(eq(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_CONFLICT));
    cr_expect(eq(str, err.reason, "excluded_left"));
    cr_expect(eq(int, (int)undo_discard(plan.undo_directory, JOB, &err), STATUS_CONFLICT));

    expect_output("2", precious_is_whole);
    expect_output("app.log x", "echo $(ls aside)");
    expect_output("x", "ls volume");
}

/* Runs the commands when the stage begins. */
struct interference {
    const char *stage, *shell;
};

static enum status interfere(void *context, const struct work_report *report, struct error *err)
{
    struct interference *interference = context;
    (void)err;
    if (interference->shell == NULL || strcmp(report->stage, interference->stage) != 0)
        return STATUS_OK;
    scratch_shell(&fixture.scratch, "%s", interference->shell);
    interference->shell = NULL;
    return STATUS_OK;
}

Test(restore_in_place, exchanges_no_directory_that_got_the_name_of_the_volume_meanwhile)
{
    struct interference rename = {"swap", "mv volume aside && mv precious volume"};
    make_precious();
    plan.work.report = interfere;
    plan.work.context = &rename;

    fail_restore(STATUS_CONFLICT, "conflict");

    expect_output("2", precious_is_whole);
    expect_output("deep own.log", "echo $(ls volume)");
    expect_clean();
}

Test(restore_in_place, neither_puts_in_place_nor_removes_what_it_has_not_made)
{
    struct interference rename = {"restore", "mv " PLACE " aside && mv precious " PLACE};
    make_precious();
    plan.work.report = interfere;
    plan.work.context = &rename;

    fail_restore(STATUS_CONFLICT, "conflict");

    expect_output("2", precious_is_whole);
    expect_output("x", "ls volume");
    cr_expect(ne(ptr, strstr(details(), "old_left"), NULL), "%s", details());
    expect_output("", "ls undo");
}

Test(restore_in_place, restores_into_no_directory_that_was_there)
{
    make_precious();
    scratch_shell(&fixture.scratch, "mv precious " PLACE);

    fail_restore(STATUS_FORBIDDEN, "foreign_place");

    expect_output("2", precious_is_whole);
    expect_output("700", "stat -c %a " PLACE);
    expect_output("", "ls undo");
}

Test(restore_in_place, takes_no_other_directory_back_into_the_place_of_the_volume)
{
    struct error err = {0};
    make_precious();
    die_at("kill:exchanged:1");
    scratch_shell(&fixture.scratch, "mv " PLACE " aside && mv precious " PLACE);

    cr_expect(ne(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_OK));

    expect_output("2", precious_is_whole);
    expect_output("x", "ls volume");
    cr_expect(ne(ptr, strstr(err.text, "the old data is not in"), NULL), "%s", err.text);
}

Test(restore_in_place, knows_its_place_in_a_volume_that_cannot_be_renamed)
{
    struct loop_device device;
    mounted_volume(&device, LOOP_DEVICE_EXT4);
    scratch_shell(&device.scratch, "cd %s; mkdir -m 0700 precious; touch precious/only-copy",
                  device.path);
    die_at("kill:cleanup:1");
    scratch_shell(&device.scratch,
                  "cd %s; mkdir -m 0700 other; touch other/only-copy;"
                  " mv .appbackup-" JOB "-0 aside; mv other .appbackup-" JOB "-0",
                  device.path);
    struct error err = {0};

    cr_expect(ne(int, (int)undo_discard(plan.undo_directory, JOB, &err), STATUS_OK));

    cr_expect(eq(str, err.reason, "old_left"));
    char *left =
        scratch_output(&device.scratch, "cd %s; find . -name only-copy | sort", device.path);
    cr_expect(eq(str, left, "./.appbackup-" JOB "-0/only-copy\n./aside/old/precious/only-copy"));
    free(left);
    loop_device_close(&device);
}

/* As the version before wrote them. */
static void age_the_record(void)
{
    scratch_shell(&fixture.scratch,
                  "sed -i -E 's/, *\"(born_ns|old_inode|old_born_ns)\": *[0-9]+//g'"
                  " undo/*.json; ! grep -q born undo/*.json");
}

static const char *const old_points[] = {"kill:finish:1", "kill:exchange:2", "kill:exchanged:1",
                                         "kill:carry:1", "kill:cleanup:1"};

Test(restore_in_place, goes_on_by_the_record_of_an_earlier_version)
{
    struct error err = {0};
    two_volumes();
    for (size_t i = 0; i < sizeof(old_points) / sizeof(old_points[0]); i++) {
        die_at(old_points[i]);
        age_the_record();
        cr_assert(eq(int, (int)undo_job(plan.undo_directory, JOB, &err), STATUS_OK), "%s: %s",
                  old_points[i], err.text);
        renew_result();
        cr_assert(eq(int, (int)restore_run(&plan, &result, &err), STATUS_OK), "%s: %s",
                  old_points[i], err.text);
        expect_output("d d ", show_volumes);
        expect_output("1 2 3 1 2 3 ", show_excluded);
        expect_output("", "ls undo; find . -name '.*appbackup*'; true");
    }
}

Test(restore_in_place, leaves_another_users_directory_alone_by_the_record_of_an_earlier_version)
{
    struct error err = {0};
    make_precious();
    die_at("kill:cleanup:1");
    age_the_record();
    scratch_shell(&fixture.scratch, "mv " PLACE " aside && mv precious " PLACE);

    cr_expect(ne(int, (int)undo_discard(plan.undo_directory, JOB, &err), STATUS_OK));

    expect_output("2", precious_is_whole);
}

/* --- what cannot be removed --- */

Test(restore_in_place, removes_all_of_the_old_data_that_can_be_removed_and_names_the_rest)
{
    struct error err = {0};
    size_t count = 0;
    scratch_shell(&fixture.scratch,
                  "cd volume && mkdir -p aaa bulk bulk/closed && echo 1 >aaa/stays"
                  " && echo 2 >bulk/2 && echo 3 >bulk/closed/3");
    back_up();
    scratch_shell(&fixture.scratch, "chattr +i volume/aaa/stays; chmod 0555 volume/bulk/closed");
    plan.target = NULL;

    restore();

    cr_expect(ne(ptr, strstr(details(), "old_left"), NULL), "%s", details());
    cr_expect(
        ne(ptr, strstr(details(), "'" PLACE "': 1 entry stays: 'aaa/stays' (immutable"), NULL),
        "%s", details());
    expect_output("aaa aaa/stays", "cd " PLACE " && find * | sort | tr '\\n' ' ' | sed 's/ $//'");
    expect_output("1", "ls undo | wc -l");

    enum status status = undo_all(plan.undo_directory, NULL, NULL, &count, &err);
    cr_expect(ne(int, (int)status, STATUS_OK));
    cr_expect(eq(str, err.reason, "old_left"));
    expect_output("1", "ls undo | wc -l");

    scratch_shell(&fixture.scratch, "chattr -i " PLACE "/aaa/stays");
    cr_expect(eq(int, (int)undo_discard(plan.undo_directory, JOB, &err), STATUS_OK), "%s",
              err.text);
    expect_clean();
}

/* --- room --- */

/* The volume is a directory in a file system of its own, of which so many bytes are free. */
static void volume_on_device(struct loop_device *device)
{
    loop_device_open(device, LOOP_DEVICE_EXT4);
    scratch_shell(&device->scratch, "mkdir mnt/volume");
    free(fixture.volumes[0]);
    cr_assert(ge(int, asprintf(&fixture.volumes[0], "%s/volume", device->path), 0));
    backup_fixture_add_hook(&fixture, HOOK_PRE_RESTORE, "stop", ":", false);
    plan.target = NULL;
}

static void leave_free(const struct loop_device *device, int bytes)
{
    scratch_shell(&device->scratch,
                  "cd mnt && fallocate -l $(($(stat -f -c '%%f * %%S' .) - %d)) ballast", bytes);
}

Test(restore_in_place, that_cannot_fit_fails_before_anything_is_begun)
{
    struct loop_device device;
    volume_on_device(&device);
    scratch_shell(&device.scratch, "head -c 60000000 /dev/urandom >mnt/volume/large");
    back_up();
    leave_free(&device, 30000000);

    fail_restore(STATUS_CONFLICT, "no_room");

    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture), ""));
    cr_expect(not(status_is_transient(STATUS_CONFLICT)));
    expect_output("", "ls undo");
    scratch_shell(&device.scratch, "rm mnt/ballast");
    restore();
    loop_device_close(&device);
}

Test(restore_in_place, needs_no_room_for_holes)
{
    struct loop_device device;
    volume_on_device(&device);
    scratch_shell(&device.scratch, "truncate -s 300M mnt/volume/sparse; echo x >mnt/volume/x");
    back_up();
    leave_free(&device, 60000000);

    restore();

    loop_device_close(&device);
}

/* What is not mounted yet says nothing of what will be. */
Test(restore_in_place, looks_for_room_again_when_hooks_may_have_mounted_the_volume)
{
    struct loop_device device;
    scratch_shell(&fixture.scratch, "head -c 60000000 /dev/urandom >volume/large");
    back_up();
    loop_device_open(&device, LOOP_DEVICE_EXT4);
    leave_free(&device, 30000000);
    char mount[256];
    (void)snprintf(mount, sizeof(mount), "mount --bind %s $0/volume", device.path);
    backup_fixture_add_hook(&fixture, HOOK_PRE_RESTORE, "mount", mount, true);
    backup_fixture_add_hook(&fixture, HOOK_POST_RESTORE, "start", ":", false);
    scratch_shell(&fixture.scratch, "rm volume/large");
    plan.target = NULL;

    fail_restore(STATUS_CONFLICT, "no_room");

    cr_expect(eq(str, (char *)(uintptr_t)backup_fixture_log(&fixture),
                 "pre-restore mount restore; post-restore start undo"));
    scratch_shell(&fixture.scratch, "umount volume");
    loop_device_close(&device);
}

/* --- as an ordinary user --- */

enum { WITHOUT_WARNINGS = 0, WITH_WARNINGS, FAILED };

static int restore_as(uid_t user)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct error err = {0};
        if (setresgid(user, user, user) != 0 || setresuid(user, user, user) != 0)
            _exit(FAILED);
        enum status ended = restore_run(&plan, &result, &err);
        bool warned = json_array_size(result.state_details) > 0;
        if (ended != STATUS_OK || warned)
            (void)fprintf(stderr, "%s\n%s\n", err.text, details());
        _exit(ended != STATUS_OK ? FAILED : warned ? WITH_WARNINGS : WITHOUT_WARNINGS);
    }
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    bool exited = WIFEXITED(status);
    cr_assert(exited);
    return WEXITSTATUS(status);
}

Test(restore_in_place, by_their_owner_moves_and_removes_directories_that_he_has_closed)
{
    backup_fixture_add_exclude(&fixture, "/cache");
    backup_fixture_add_exclude(&fixture, "*.log");
    scratch_shell(
        &fixture.scratch,
        "mkdir -p volume/mod/pkg volume/cache/deep && cd volume && echo x >mod/pkg/x.go &&"
        " echo 1 >mod/1.log && echo 2 >cache/deep/2 &&"
        " chmod 0555 mod mod/pkg cache cache/deep && chown -R 1234:1234 .");
    back_up();
    scratch_shell(&fixture.scratch,
                  "chmod -R a+rwX bucket seen-buckets; mkdir -p volume/later/old; cd volume;"
                  " echo 3 >later/3.log; echo 4 >later/old/4; chmod 0555 later/old later;"
                  " cd ..; chown -R 1234:1234 .");
    plan.target = NULL;

    cr_expect(eq(int, restore_as(1234), WITHOUT_WARNINGS));

    expect_output("cache cache/deep cache/deep/2 later later/3.log mod mod/1.log mod/pkg"
                  " mod/pkg/x.go",
                  "cd volume && echo $(find * | sort)");
    expect_output("555 555 555 555 555",
                  "cd volume && echo $(stat -c %a cache cache/deep later mod mod/pkg)");
    expect_output("", "find . -name '.*appbackup*'");
}

Test(restore_in_place, by_its_owner_exchanges_closed_directories_of_a_mount)
{
    struct loop_device device;
    mounted_volume(&device, LOOP_DEVICE_EXT4);
    scratch_shell(&fixture.scratch, "chmod -R a+rwX bucket seen-buckets; chown -R 1234:1234 .");
    scratch_shell(
        &device.scratch,
        "cd mnt; mkdir -p closed/deep; touch closed/deep/1; chmod 0555 closed/deep closed;"
        " chown -R 1234:1234 .");

    cr_expect(le(int, restore_as(1234), WITH_WARNINGS), "owners cannot be set");

    expect_mounted(&device, "d e ");
    loop_device_close(&device);
}
