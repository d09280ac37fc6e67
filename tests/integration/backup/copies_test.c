/* Volumes that are read in a btrfs snapshot or in a reflink copy. */
#include "tests/support/backup_steps.h"
#include "tests/support/loop_device.h"
#include "tests/support/tree_compare.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(backup_of_a_copy, .init = backup_steps_set_up, .fini = backup_steps_tear_down);

static void expect_snapshot_backup(enum loop_device_kind kind, enum app_snapshot_driver driver)
{
    struct loop_device device;
    loop_device_open(&device, kind);
    char volume[160];
    snprintf(volume, sizeof(volume), "%s/srv/shop", device.path);
    scratch_shell(&fixture.scratch,
                  "mkdir -p %s && mv volume/* %s/ && chmod 0750 %s && chown 5:6 %s", volume, volume,
                  volume, volume);
    free(fixture.volumes[0]);
    fixture.volumes[0] = strdup(volume);
    fixture.app.snapshot = driver;
    scratch_shell(&fixture.scratch, "cp -a %s %s/reference", volume, device.path);
    char change[256];
    snprintf(change, sizeof(change), "rm -rf %s/*", volume);
    fixture.plan.work.report = break_things; /* the live files are gone before they are uploaded */
    fixture.plan.work.context = change;

    expect_backup();

    cr_expect(eq(sz, json_array_size(result.state_details), 0), "%s",
              details_of(result.state_details));
    backup_fixture_check(&fixture);
    /* On a file system of the same kind: XFS shows ACLs under a second name as well. */
    free(backup_fixture_restic(&fixture, "restore latest --target %s/out", device.path));
    char actual[512], reference[256];
    snprintf(actual, sizeof(actual), "%s/out%s", device.path, volume);
    snprintf(reference, sizeof(reference), "%s/reference", device.path);
    scratch_shell(&fixture.scratch,
                  "for d in %s %s; do touch -r $d stamp; rm $d/badlink; touch -r stamp $d; done",
                  reference, actual);
    tree_compare(reference, actual);
    char *left = scratch_output(&fixture.scratch, "find %s -name '.appbackup*'", device.path);
    cr_expect(eq(str, left, ""));
    free(left);
    loop_device_close(&device);
}

Test(backup_of_a_copy, reads_a_btrfs_snapshot_under_the_volumes_own_names)
{
    backup_fixture_make_every_kind(&fixture);
    expect_snapshot_backup(LOOP_DEVICE_BTRFS, APP_SNAPSHOT_BTRFS);
}

Test(backup_of_a_copy, reads_a_reflink_copy_under_the_volumes_own_names)
{
    backup_fixture_make_every_kind(&fixture);
    expect_snapshot_backup(LOOP_DEVICE_XFS, APP_SNAPSHOT_AUTO);
}

Test(backup_of_a_copy, finds_an_unchanged_btrfs_volume_unchanged)
{
    struct loop_device device;
    loop_device_open(&device, LOOP_DEVICE_BTRFS);
    char volume[160];
    snprintf(volume, sizeof(volume), "%s/srv/shop", device.path);
    free(fixture.volumes[0]);
    fixture.volumes[0] = strdup(volume);
    fixture.app.snapshot = APP_SNAPSHOT_BTRFS;
    scratch_shell(&fixture.scratch, "mkdir -p %s/sub; head -c 700000 /dev/urandom >%s/sub/file",
                  volume, volume);
    expect_backup();
    char first[RESTIC_ID_SIZE];
    memcpy(first, result.repository_snapshot, sizeof(first));
    fixture.plan.backup = "55555555-5555-4555-8555-555555555555";

    expect_backup();

    /* Making the snapshot changes the time of what is around it, which is above the volume. */
    cr_expect(not(is_changed(first, result.repository_snapshot, "/shop")));
    scratch_shell(&fixture.scratch, "touch %s/sub/file", volume);
    fixture.plan.backup = "66666666-6666-4666-8666-666666666666";
    expect_backup();
    cr_expect(is_changed(first, result.repository_snapshot, "/shop/sub/file"));
    loop_device_close(&device);
}

/* A volume "<mount>/volume" of this file system, backed up by reflink copies; its path. */
static const char *open_reflink(struct loop_device *device, enum loop_device_kind kind)
{
    loop_device_open(device, kind);
    scratch_shell(&fixture.scratch, "mv volume %s/", device->path);
    free(fixture.volumes[0]);
    cr_assert(asprintf(&fixture.volumes[0], "%s/volume", device->path) > 0);
    fixture.app.snapshot = APP_SNAPSHOT_REFLINK;
    return fixture.volumes[0];
}

Test(backup_of_a_copy, compares_reflink_copies_like_live_files)
{
    struct loop_device device;
    char first[65];
    const char *volume = open_reflink(&device, LOOP_DEVICE_XFS);
    scratch_shell(&fixture.scratch,
                  "cd %s && mkdir d && echo 1 >d/1 && echo 2 >2 && ln -s 2 link && ln 2 d/hard && "
                  "setfattr -n user.note -v kept 2",
                  volume);
    loop_device_wait_for_tick();
    expect_backup();
    snprintf(first, sizeof(first), "%s", result.repository_snapshot);

    next_backup();
    expect_summary("0/0/3/0/0/2", first);
    cr_expect(not(is_changed(first, result.repository_snapshot, "/volume")));
    scratch_shell(&fixture.scratch, "setfattr -n user.note -v changed %s/2; echo 3 >%s/d/1", volume,
                  volume);
    snprintf(first, sizeof(first), "%s", result.repository_snapshot);
    next_backup();
    expect_summary("0/3/0/0/2/0", first);
    cr_expect(lt(sz, 0, expect_restore("target", volume)));
    backup_fixture_check(&fixture);
    loop_device_close(&device);
}

Test(backup_of_a_copy, sees_a_replaced_file_of_the_same_size_and_mtime_in_a_reflink_copy)
{
    struct loop_device device;
    char first[65];
    const char *volume = open_reflink(&device, LOOP_DEVICE_XFS);
    scratch_shell(&fixture.scratch,
                  "cd %s && for f in new in-place linked kept; do echo 1 >$f; touch -d @1 $f; done;"
                  " ln linked linked2",
                  volume);
    loop_device_wait_for_tick();
    expect_backup();
    snprintf(first, sizeof(first), "%s", result.repository_snapshot);

    scratch_shell(&fixture.scratch,
                  "cd %s && echo 2 >x && touch -d @1 x && mv x new && echo 2 >in-place && "
                  "touch -d @1 in-place && echo 2 >x && touch -d @1 x && ln -f x linked && "
                  "mv -f x linked2 && rm -f x",
                  volume);
    next_backup();

    expect_summary("0/4/1/0/1/0", first);
    cr_expect(lt(sz, 0, expect_restore("target", volume)));
    backup_fixture_check(&fixture);
    loop_device_close(&device);
}

/* Of all trees in the repository: name, inode number and extended attributes of each node. */
static char *stored_nodes(const char *filter)
{
    return backup_fixture_restic(
        &fixture,
        "list blobs | sed -n 's/^tree //p' | while read -r id; do "
        "RESTIC_PASSWORD='a passphrase for tests' restic --no-cache -r bucket/%s cat blob $id; done"
        " | jq -r '.nodes[] | select(%s) |"
        " \"\\(.name) \\(.inode) \\([.extended_attributes[]?.name] | join(\",\"))\"' | sort",
        FIXTURE_APP, filter);
}

Test(backup_of_a_copy, stores_the_origin_of_a_copy_as_no_attribute)
{
    struct loop_device device;
    const char *volume = open_reflink(&device, LOOP_DEVICE_XFS);
    scratch_shell(&fixture.scratch,
                  "cd %s && echo 1 >mine && echo 2 >marked && mkdir d && ln -s mine link && "
                  "setfattr -n user.note -v kept mine && "
                  "setfattr -h -n trusted.appbackup.origin -v 'forged: exactly thirty-two bytes' "
                  "marked d link",
                  volume);
    loop_device_wait_for_tick();

    expect_backup();

    char *live = scratch_output(
        &fixture.scratch,
        "cd %s && printf 'marked %%s \\nmine %%s user.note' $(stat -c %%i marked mine)", volume);
    char *stored = stored_nodes(".type == \"file\"");
    char *all = stored_nodes("true");
    cr_expect(eq(str, stored, live));
    cr_expect(strstr(all, "appbackup.origin") == NULL, "%s", all);
    free(live);
    free(stored);
    free(all);
    next_backup();
    expect_summary("0/0/2/0/0/2", NULL);
    loop_device_close(&device);
}

/* Their files have the same inode numbers. */
Test(backup_of_a_copy, tells_files_of_nested_subvolumes_in_a_reflink_copy_apart)
{
    struct loop_device device;
    const char *volume = open_reflink(&device, LOOP_DEVICE_BTRFS);
    scratch_shell(&fixture.scratch,
                  "cd %s && for i in 1 2; do btrfs -q subvolume create s$i && echo $i >s$i/file && "
                  "ln s$i/file s$i/hard; done; [ $(stat -c %%i s1/file) = $(stat -c %%i s2/file) ]",
                  volume);
    loop_device_wait_for_tick();

    expect_backup();

    free(backup_fixture_restic(&fixture, "restore latest --target target"));
    char *restored =
        scratch_output(&fixture.scratch, "cd target%s && cat s1/* s2/* | tr -d '\\n'", volume);
    cr_expect(eq(str, restored, "1122"));
    free(restored);
    next_backup();
    expect_summary("0/0/4/0/0/3", NULL);
    loop_device_close(&device);
}
