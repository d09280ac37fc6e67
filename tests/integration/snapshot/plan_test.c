/* Which driver is taken, and what each file system is refused for. */
#include "snapshot/snapshot.h"
#include "tests/support/loop_device.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ID "6b3f1a52-8c70-4d1e-9f2a-0123456789ab-0"

static struct error err;
static struct gaps gaps;
static struct snapshot_plan plan;
static struct loop_device device;
static char volume[128];

static enum status plan_for(enum app_snapshot_driver driver)
{
    err = (struct error){.status = STATUS_OK};
    return snapshot_plan(volume, driver, ID, &plan, &err);
}

static void set_up(enum loop_device_kind kind, const char *make)
{
    loop_device_open(&device, kind);
    (void)snprintf(volume, sizeof(volume), "%s/data", device.path);
    scratch_shell(&device.scratch, "cd mnt; %s", make);
}

static void expect_driver(enum app_snapshot_driver wanted, enum app_snapshot_driver got)
{
    cr_assert(eq(int, (int)plan_for(wanted), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, (int)plan.driver, (int)got));
    cr_expect(eq(str, plan.volume, volume));
}

static void expect_refusal(enum app_snapshot_driver driver, const char *why)
{
    cr_expect(eq(int, (int)plan_for(driver), STATUS_UNSUPPORTED), "%s", err.text);
    cr_expect(strstr(err.text, why) != NULL, "%s", err.text);
    cr_expect(strstr(err.text, volume) != NULL, "%s", err.text);
}

Test(snapshot_plan, takes_btrfs_on_btrfs)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir data");

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_BTRFS);
    expect_driver(APP_SNAPSHOT_REFLINK, APP_SNAPSHOT_REFLINK);
    expect_driver(APP_SNAPSHOT_NONE, APP_SNAPSHOT_NONE);

    loop_device_close(&device);
}

Test(snapshot_plan, takes_reflink_on_xfs)
{
    set_up(LOOP_DEVICE_XFS, "mkdir data");

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_REFLINK);
    expect_refusal(APP_SNAPSHOT_BTRFS, "not btrfs");

    loop_device_close(&device);
}

Test(snapshot_plan, takes_the_volume_itself_on_ext4)
{
    set_up(LOOP_DEVICE_EXT4, "mkdir data");

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_NONE);
    cr_expect(eq(str, plan.path, volume));
    cr_expect(eq(str, plan.root, ""));
    cr_expect(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_OK));
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_OK));
    cr_expect(access(volume, F_OK) == 0, "removing the snapshot leaves the volume");
    expect_refusal(APP_SNAPSHOT_BTRFS, "not btrfs");
    expect_refusal(APP_SNAPSHOT_REFLINK, "FICLONE");

    loop_device_close(&device);
}

Test(snapshot_plan, takes_the_volume_itself_on_tmpfs)
{
    struct scratch scratch;
    scratch_open(&scratch);
    scratch_shell(&scratch, "mkdir mnt; mount -t tmpfs none mnt; mkdir mnt/data");
    (void)snprintf(volume, sizeof(volume), "%s/mnt/data", scratch.path);

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_NONE);
    expect_refusal(APP_SNAPSHOT_REFLINK, "FICLONE");

    scratch_close(&scratch);
}

Test(snapshot_plan, changes_nothing)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir data; touch -d 2001-01-01 data .");
    char *before = scratch_output(&device.scratch, "find mnt -printf '%%p %%T@ %%C@\\n'");

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_BTRFS);
    expect_driver(APP_SNAPSHOT_REFLINK, APP_SNAPSHOT_REFLINK);

    char *after = scratch_output(&device.scratch, "find mnt -printf '%%p %%T@ %%C@\\n'");
    cr_expect(eq(str, after, before));
    free(before);
    free(after);
    loop_device_close(&device);
}

Test(snapshot_plan, does_not_lose_a_nested_subvolume)
{
    set_up(LOOP_DEVICE_BTRFS, "btrfs -q subvolume create data; mkdir data/d;"
                              " btrfs -q subvolume create data/d/inner; echo 1 >data/d/inner/f");

    expect_refusal(APP_SNAPSHOT_BTRFS, "d/inner");
    cr_expect(eq(str, err.reason, "nested_subvolume"));

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_REFLINK);
    cr_assert(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_OK), "%s", err.text);
    char *copied = scratch_output(&device.scratch, "cat '%s/d/inner/f'", plan.path);
    cr_expect(eq(str, copied, "1"));
    free(copied);
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_OK), "%s", err.text);
    cr_expect(access(plan.root, F_OK) != 0);
    loop_device_close(&device);
}

Test(snapshot_plan, does_not_mind_a_subvolume_beside_the_volume)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir data; btrfs -q subvolume create data2;"
                              " btrfs -q subvolume create other; echo 1 >data/f");

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_BTRFS);
    cr_assert(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_OK), "%s", err.text);
    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_BTRFS);
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_OK), "%s", err.text);

    loop_device_close(&device);
}

Test(snapshot_plan, notices_a_nested_subvolume_that_came_after_it)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir data");
    expect_driver(APP_SNAPSHOT_BTRFS, APP_SNAPSHOT_BTRFS);
    scratch_shell(&device.scratch, "btrfs -q subvolume create mnt/data/new");

    cr_expect(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_UNSUPPORTED), "%s",
              err.text);
    cr_expect(access(plan.root, F_OK) != 0);

    loop_device_close(&device);
}

Test(snapshot_plan, takes_reflink_where_only_a_part_of_the_subvolume_is_mounted)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir -p part/data; echo 1 >part/data/f");
    scratch_shell(&device.scratch, "mkdir bound; mount --bind mnt/part bound");
    (void)snprintf(volume, sizeof(volume), "%s/bound/data", device.scratch.path);

    expect_refusal(APP_SNAPSHOT_BTRFS, "not mounted as a whole");
    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_REFLINK);
    cr_assert(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_OK), "%s", err.text);

    loop_device_close(&device);
}

Test(snapshot_take, clones_files_without_copy_on_write)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir data; touch data/db; chattr +C data/db;"
                              " head -c 100000 /dev/urandom >>data/db; echo 1 >data/plain");
    expect_driver(APP_SNAPSHOT_REFLINK, APP_SNAPSHOT_REFLINK);

    cr_assert(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_OK), "%s", err.text);

    scratch_shell(&device.scratch, "cmp mnt/data/db '%s/db'; cmp mnt/data/plain '%s/plain'",
                  plan.path, plan.path);
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_OK), "%s", err.text);
    loop_device_close(&device);
}

Test(snapshot_take, shares_the_space_of_its_source)
{
    set_up(LOOP_DEVICE_XFS, "mkdir data; head -c 200M /dev/zero | tr '\\0' z >data/large; sync");
    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_REFLINK);
    const char *free_kib = "df --output=avail -k mnt | tail -n 1";
    char *before = scratch_output(&device.scratch, "%s", free_kib);

    cr_assert(eq(int, (int)snapshot_take(&plan, NULL, &gaps, &err), STATUS_OK), "%s", err.text);

    char *after = scratch_output(&device.scratch, "sync; %s", free_kib);
    long taken_kib = strtol(before, NULL, 10) - strtol(after, NULL, 10);
    cr_expect(lt(long, taken_kib, 20 * 1024L));
    free(before);
    free(after);
    cr_expect(eq(int, (int)snapshot_remove(&plan, &err), STATUS_OK), "%s", err.text);
    loop_device_close(&device);
}

Test(snapshot_plan, reads_the_volume_itself_if_we_may_not_write_beside_it)
{
    set_up(LOOP_DEVICE_XFS, "mkdir data; chmod 755 . data");
    const struct passwd *nobody = getpwnam("nobody");
    cr_assert(nobody != NULL && seteuid(nobody->pw_uid) == 0);

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_NONE);
    cr_expect(eq(int, (int)plan_for(APP_SNAPSHOT_REFLINK), STATUS_FORBIDDEN), "%s", err.text);

    cr_assert(seteuid(0) == 0);
    scratch_shell(&device.scratch, "chown nobody mnt");
    cr_assert(seteuid(nobody->pw_uid) == 0);
    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_REFLINK);
    cr_assert(seteuid(0) == 0);
    (void)prctl(PR_SET_DUMPABLE, 1); /* which the leak check needs, and another user takes away */
    loop_device_close(&device);
}

Test(snapshot_plan, reads_the_volume_itself_on_a_read_only_mount)
{
    set_up(LOOP_DEVICE_BTRFS, "mkdir data");
    scratch_shell(&device.scratch, "mount -o remount,ro mnt");

    expect_driver(APP_SNAPSHOT_AUTO, APP_SNAPSHOT_NONE);

    loop_device_close(&device);
}
