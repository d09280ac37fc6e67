/* What a backup goes on without, and says so. */
#include "tests/support/backup_steps.h"
#include "tests/support/loop_device.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(backup_warnings, .init = backup_steps_set_up, .fini = backup_steps_tear_down);

/* The volume's names below it, as the backup has them, in one line. */
static char *list_backup(void)
{
    return backup_fixture_restic(&fixture,
                                 "ls latest | grep volume/ | sed 's,.*volume/,,' | tr '\\n' '|'");
}

static size_t count_details(const char *code)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(result.state_details); i++) {
        const json_t *type = json_object_get(json_array_get(result.state_details, i), "type");
        count += strcmp(strrchr(json_string_value(type), '/') + 1, code) == 0;
    }
    return count;
}

/* Of the first entry; "" for none. */
static const char *first_detail(void)
{
    const json_t *detail = json_array_get(result.state_details, 0);
    const char *text = json_string_value(json_object_get(detail, "detail"));
    return text == NULL ? "" : text;
}

Test(backup_warnings, names_the_mounts_that_it_does_not_enter)
{
    backup_fixture_add_exclude(&fixture, "/away");
    scratch_shell(&fixture.scratch,
                  "cd volume; mkdir -p 'm n t' away/below; touch a; for d in 'm n t' away/below; do"
                  " mount -t tmpfs none \"$d\"; touch \"$d/other\"; done; mkdir 'm n t/inner';"
                  "mount -t tmpfs none 'm n t/inner'");

    expect_backup();

    scratch_shell(&fixture.scratch, "umount 'volume/m n t/inner' 'volume/m n t' volume/away/below");
    char *paths = list_backup();
    cr_expect(eq(str, paths, "a|m n t|"));
    free(paths);
    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("mount_skipped"), 1), "%s", details);
    cr_expect(eq(sz, json_array_size(result.state_details), 1), "%s", details);
    cr_expect(strstr(first_detail(), "volume/m n t': ") != NULL, "%s", details);
    cr_expect(strstr(first_detail(), "an app of its own") != NULL, "%s", details);
}

/* A directory, a file, the volume itself and, without a warning, what is left out. */
static const char mount_the_same[] =
    "cd %1$s; mkdir -p ../there here self out; touch a ../there/file ../file one out/o;"
    " mount --bind ../there here; mount --bind ../file one; mount --bind . self;"
    " mount --bind ../there out";
static const char unmount_the_same[] = "cd %s; umount here one self out";

Test(backup_warnings, names_the_mounts_of_the_same_file_system)
{
    backup_fixture_add_exclude(&fixture, "/out");
    scratch_shell(&fixture.scratch, mount_the_same, fixture.volumes[0]);

    expect_backup();

    scratch_shell(&fixture.scratch, unmount_the_same, fixture.volumes[0]);
    char *paths = list_backup();
    cr_expect(eq(str, paths, "a|here|one|self|"));
    free(paths);
    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("mount_skipped"), 3), "%s", details);
    cr_expect(eq(sz, json_array_size(result.state_details), 3), "%s", details);
    cr_expect(strstr(details, "volume/one': ") != NULL, "%s", details);
}

/* The sandbox of a service has such. */
Test(backup_warnings, enters_mounts_that_show_what_would_be_there_without_them)
{
    scratch_shell(&fixture.scratch, "cd volume; mkdir -p own/deep; touch own/deep/f one;"
                                    "mount --bind own own; mount --bind own/deep own/deep;"
                                    "mount --bind one one");

    expect_backup();

    scratch_shell(&fixture.scratch, "cd volume; umount own/deep own one");
    char *paths = list_backup();
    cr_expect(eq(str, paths, "one|own|own/deep|own/deep/f|"));
    free(paths);
    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
}

/* The fixture's volume on a file system of its own. */
static void move_volume(struct loop_device *device, enum loop_device_kind kind, char volume[160])
{
    loop_device_open(device, kind);
    snprintf(volume, 160, "%s/volume", device->path);
    scratch_shell(&fixture.scratch, "mv volume %s", volume);
    free(fixture.volumes[0]);
    fixture.volumes[0] = strdup(volume);
}

/* Inode numbers begin anew in each subvolume: each has a file 257, and they are no hard links. */
Test(backup_warnings, enters_nested_subvolumes_where_no_snapshot_is_taken)
{
    struct loop_device device;
    char volume[160];
    move_volume(&device, LOOP_DEVICE_BTRFS, volume);
    scratch_shell(
        &fixture.scratch,
        "cd %s && btrfs -q subvolume create db && btrfs -q subvolume create db/inner &&"
        "btrfs -q subvolume create other && mkdir db/deep && "
        "for d in db db/inner other db/deep; do echo $d >$d/one && ln $d/one $d/two; done",
        volume);

    expect_backup();

    cr_expect(lt(sz, 11, expect_restore("out", volume)));
    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
    scratch_shell(&fixture.scratch, "cd %s && mount -t tmpfs none db/deep && touch db/deep/other",
                  volume);
    next_backup();
    scratch_shell(&fixture.scratch, "umount %s/db/deep", volume);
    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, json_array_size(result.state_details), 1), "%s", details);
    cr_expect(strstr(first_detail(), "volume/db/deep': ") != NULL, "%s", details);
    backup_fixture_check(&fixture);
    loop_device_close(&device);
}

/* The copy has an empty directory there, or what the mount hides. */
static void expect_mounts_of_a_copy(enum loop_device_kind kind, enum app_snapshot_driver driver)
{
    struct loop_device device;
    char volume[160];
    move_volume(&device, kind, volume);
    backup_fixture_add_exclude(&fixture, "away");
    fixture.app.snapshot = driver;
    scratch_shell(&fixture.scratch,
                  "cd %s && touch a && mkdir -p d/mnt/inner away/below self beside &&"
                  "mount -t tmpfs none d/mnt && mkdir d/mnt/inner &&"
                  "mount -t tmpfs none d/mnt/inner && mount -t tmpfs none away/below && "
                  "touch self/s && mount --bind self self && touch ../volume-like && "
                  "mkdir -p ../volume2/mnt && mount -t tmpfs none ../volume2/mnt",
                  volume);

    expect_backup();

    scratch_shell(&fixture.scratch,
                  "cd %s; umount d/mnt/inner d/mnt away/below self ../volume2/mnt", volume);
    const char *details = details_of(result.state_details);
    bool has_self = driver == APP_SNAPSHOT_BTRFS;
    cr_expect(eq(sz, count_details("mount_skipped"), has_self ? 1 : 2), "%s", details);
    cr_expect(eq(sz, json_array_size(result.state_details), has_self ? 1 : 2), "%s", details);
    cr_expect(strstr(details, "volume/d/mnt': ") != NULL, "%s", details);
    char *paths = list_backup();
    cr_expect(eq(int, strstr(paths, "self/s|") != NULL, has_self), "%s", paths);
    cr_expect(eq(int, strstr(details, "volume/self': ") != NULL, !has_self), "%s", details);
    free(paths);
    loop_device_close(&device);
}

Test(backup_warnings, names_the_mounts_that_a_reflink_copy_does_not_have)
{
    expect_mounts_of_a_copy(LOOP_DEVICE_XFS, APP_SNAPSHOT_REFLINK);
}

Test(backup_warnings, names_the_mounts_of_the_same_file_system_that_a_copy_does_not_have)
{
    struct loop_device device;
    char volume[160];
    move_volume(&device, LOOP_DEVICE_XFS, volume);
    backup_fixture_add_exclude(&fixture, "/out");
    fixture.app.snapshot = APP_SNAPSHOT_REFLINK;
    scratch_shell(&fixture.scratch, mount_the_same, volume);

    expect_backup();

    scratch_shell(&fixture.scratch, unmount_the_same, volume);
    char *paths = list_backup();
    cr_expect(eq(str, paths, "a|here|one|self|"));
    free(paths);
    cr_expect(eq(sz, count_details("mount_skipped"), 3), "%s", details_of(result.state_details));
    loop_device_close(&device);
}

Test(backup_warnings, names_the_mounts_that_a_btrfs_snapshot_does_not_have)
{
    expect_mounts_of_a_copy(LOOP_DEVICE_BTRFS, APP_SNAPSHOT_BTRFS);
}

Test(backup_warnings, says_that_the_application_went_on_where_there_is_no_snapshot)
{
    struct loop_device device;
    char volume[160];
    move_volume(&device, LOOP_DEVICE_EXT4, volume);
    scratch_shell(&fixture.scratch, "mkdir more; printf frozen >%s/db", volume);
    backup_fixture_add_volume(&fixture, scratch_path(&fixture.scratch, "more"));
    fixture.app.snapshot = APP_SNAPSHOT_AUTO;
    backup_fixture_add_hook(&fixture, HOOK_POST_SNAPSHOT, "thaw", "true", false);

    expect_backup();

    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, count_details("not_a_snapshot"), 1), "%s", details);
    char expected[256];
    snprintf(expected, sizeof(expected), "volume '%s' (ext4)", volume);
    cr_expect(strstr(first_detail(), expected) != NULL ||
                  strstr(first_detail(), "and 1 other") != NULL,
              "%s", details);
    cr_expect(strstr(first_detail(), "pre_backup and post_backup") != NULL, "%s", details);
    loop_device_close(&device);
}

Test(backup_warnings, says_nothing_of_hooks_that_hold_the_application_all_along)
{
    scratch_shell(&fixture.scratch, "printf held >volume/db");
    backup_fixture_add_hook(&fixture, HOOK_PRE_BACKUP, "freeze", "true", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_BACKUP, "thaw", "true", false);

    expect_backup();

    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
}

Test(backup_warnings, says_nothing_of_hooks_around_a_snapshot)
{
    struct loop_device device;
    char volume[160];
    move_volume(&device, LOOP_DEVICE_XFS, volume);
    scratch_shell(&fixture.scratch, "printf frozen >%s/db", volume);
    fixture.app.snapshot = APP_SNAPSHOT_AUTO;
    backup_fixture_add_hook(&fixture, HOOK_PRE_SNAPSHOT, "freeze", "true", false);
    backup_fixture_add_hook(&fixture, HOOK_POST_SNAPSHOT, "thaw", "true", false);

    expect_backup();

    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
    loop_device_close(&device);
}

/* c has become a directory: what it was when the files were counted is not there any more. */
Test(backup_warnings, warns_of_files_that_vanish_and_goes_on)
{
    fixture.plan.work.report = break_things;
    fixture.plan.work.context = "rm -r volume/b volume/dir; rm volume/c; mkdir volume/c";
    /* More files in front of them than the walk is ever ahead of the upload. */
    scratch_shell(&fixture.scratch, "cd volume; printf first >a; printf second >b; printf third >c;"
                                    "mkdir dir; printf 4 >dir/4; printf fifth >z; mkdir _; cd _;"
                                    "seq 5000 | split -l 1 -a 4");

    expect_backup();

    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, json_array_size(result.state_details), 3), "%s", details);
    cr_expect(strstr(details, "reasons/file_vanished") != NULL, "%s", details);
    cr_expect(strstr(details, "volume/b'") != NULL, "%s", details);
    cr_expect(strstr(details, "volume/c': it is no regular file any more") != NULL, "%s", details);
    char *paths = backup_fixture_restic(
        &fixture, "ls latest | grep volume/ | grep -v /_ | sed 's,.*volume/,,' | tr '\\n' ' '");
    cr_expect(eq(str, paths, "a z "));
    free(paths);
    backup_fixture_check(&fixture);
}

static int unlucky_user(void)
{
    return setgid(65534) == 0 && setuid(65534) == 0 ? 0 : -1;
}

Test(backup_warnings, names_the_first_unreadable_files_and_counts_the_others)
{
    scratch_shell(&fixture.scratch, "chown 65534:65534 . bucket; chmod 0755 volume;"
                                    "cd volume; printf ok >ok; mkdir -m 0700 shut; touch shut/x;"
                                    "for i in $(seq 30); do printf no >no$i; chmod 0 no$i; done");
    cr_assert(eq(int, unlucky_user(), 0));

    expect_backup();

    const char *details = details_of(result.state_details);
    cr_expect(eq(sz, json_array_size(result.state_details), 17), "%s", details);
    cr_expect(strstr(details, "file_unreadable") != NULL, "%s", details);
    cr_expect(strstr(details, "31 entries in all, the first 16 are named here: 31 unreadable") !=
                  NULL,
              "%s", details);
    char *paths = backup_fixture_restic(
        &fixture, "ls latest | grep volume/ | sed 's,.*volume/,,' | tr '\\n' ' '");
    cr_expect(eq(str, paths, "ok "));
    free(paths);
}

Test(backup_warnings, fails_when_not_one_file_can_be_read)
{
    scratch_shell(&fixture.scratch, "chown 65534:65534 . bucket; chmod 0755 volume; cd volume;"
                                    "mkdir sub; touch a sub/b; chmod 0 a sub/b");
    cr_assert(eq(int, unlucky_user(), 0));

    fail_backup(STATUS_FORBIDDEN, "nothing_readable");

    backup_fixture_check(&fixture);
    char *snapshots = backup_fixture_restic(&fixture, "snapshots --json");
    cr_expect(eq(str, snapshots, "[]"));
    free(snapshots);
}

Test(backup_warnings, warns_of_a_volume_that_has_become_empty)
{
    expect_backup();
    cr_expect(zero(sz, json_array_size(result.state_details)), "it was empty from the beginning");
    make_files("volume");
    next_backup();
    scratch_shell(&fixture.scratch, "mv volume away && mkdir volume");

    next_backup();

    cr_expect(eq(sz, json_array_size(result.state_details), 1));
    cr_expect(ne(ptr, strstr(details_of(result.state_details), "volume_empty"), NULL));
    cr_expect(ne(ptr, strstr(details_of(result.state_details), fixture.volumes[0]), NULL));
}

Test(backup_warnings, does_not_warn_of_a_volume_with_a_file_left)
{
    make_files("volume");
    expect_backup();
    scratch_shell(&fixture.scratch, "rm -r volume/*");
    scratch_write(&fixture.scratch, "volume/left", "x", 0644);

    next_backup();

    cr_expect(zero(sz, json_array_size(result.state_details)), "%s",
              details_of(result.state_details));
}
