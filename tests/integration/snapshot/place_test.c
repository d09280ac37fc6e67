/* The place of a snapshot is removed, and nothing else that has got its name. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#define OTHER_ID "0a0a0a0a-8c70-4d1e-9f2a-0123456789ab-0"

static const size_t kinds[] = {KIND_BTRFS, KIND_XFS_REFLINK};

ParameterizedTestParameters(snapshot_remove, removes_no_other_directory_of_ours)
{
    return cr_make_param_array(size_t, (size_t *)(uintptr_t)kinds, 2);
}

ParameterizedTest(size_t *kind, snapshot_remove, removes_no_other_directory_of_ours)
{
    struct place place;
    set_up(&place, *kind);
    take(&place);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app; mkdir -m 0700 precious; mkdir precious/snapshot;"
                  " touch precious/snapshot/only-copy; mv .appbackup-" ID " aside;"
                  " mv precious .appbackup-" ID);

    cr_expect(eq(int, (int)snapshot_remove(&place.plan, &err), STATUS_FORBIDDEN));
    cr_expect(eq(str, err.reason, "foreign_place"));

    scratch_shell(&place.device.scratch,
                  "cd mnt/app; test -e .appbackup-" ID "/snapshot/only-copy; mv .appbackup-" ID
                  " precious; mv aside .appbackup-" ID);
    discard(&place);
    tear_down(&place);
}

Test(snapshot_remove, does_not_take_the_place_of_another_backup_for_its_own)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    take(&place);
    scratch_shell(&place.device.scratch,
                  "cd mnt/app; cp -a .appbackup-" ID " .appbackup-" OTHER_ID
                  "; cd .appbackup-" OTHER_ID "; mv .appbackup-" ID " .appbackup-" OTHER_ID
                  "; touch snapshot/file; cd ..; mv .appbackup-" ID " aside;"
                  " mv .appbackup-" OTHER_ID " .appbackup-" ID);

    cr_expect(eq(int, (int)snapshot_remove(&place.plan, &err), STATUS_FORBIDDEN));

    scratch_shell(&place.device.scratch, "cd mnt/app; rm .appbackup-" ID "/snapshot/file;"
                                         " rm -r .appbackup-" ID "; mv aside .appbackup-" ID);
    discard(&place);
    tear_down(&place);
}

Test(snapshot_remove, removes_what_an_earlier_version_or_a_crash_has_left_without_a_mark)
{
    struct place place;
    set_up(&place, KIND_XFS_REFLINK);
    take(&place);
    scratch_shell(&place.device.scratch, "rm mnt/app/.appbackup-" ID "/.appbackup-" ID);
    cr_expect(eq(int, (int)snapshot_remove(&place.plan, &err), STATUS_FORBIDDEN));
    place.plan.unmarked = true;
    discard(&place);

    place.plan.unmarked = false;
    scratch_shell(&place.device.scratch, "mkdir -m 0700 mnt/app/.appbackup-" ID);
    discard(&place);
    tear_down(&place);
}
