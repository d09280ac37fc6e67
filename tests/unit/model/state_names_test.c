/* Every word of every closed list, in both directions, against lists of their own. */
#include "model/account.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/bucket.h"
#include "model/job.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define EXPECT_BOTH_WAYS(to_name, from_name, value, text)           \
    do {                                                            \
        cr_expect(eq(str, (char *)to_name(value), (char *)(text))); \
        cr_expect(eq(int, (int)from_name(text), (int)(value)));     \
    } while (0)

#define EXPECT_CLOSED(to_name, from_name, count)                       \
    do {                                                               \
        cr_expect(eq(str, (char *)to_name(0), ""));                    \
        cr_expect(eq(str, (char *)to_name(count), ""));                \
        cr_expect(eq(str, (char *)to_name(-1), ""));                   \
        cr_expect(eq(int, (int)from_name(""), 0));                     \
        cr_expect(eq(int, (int)from_name("no such word"), 0));         \
        for (int value = 1; value < (int)(count); value++)             \
            cr_expect(eq(int, (int)from_name(to_name(value)), value)); \
    } while (0)

Test(backup_state_name, is_the_word_of_the_api)
{
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_PENDING, "pending");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_DISCOVERING, "discovering");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_RUNNING, "running");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_COMPLETED, "completed");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_FAILED, "failed");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_REMOVED, "removed");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_UNKNOWN, "unknown");
    EXPECT_BOTH_WAYS(backup_state_name, backup_state_from_name, BACKUP_DELETING, "deleting");
    EXPECT_CLOSED(backup_state_name, backup_state_from_name, BACKUP_STATE_COUNT);
}

Test(hook_state_name, is_the_word_of_the_api)
{
    EXPECT_BOTH_WAYS(hook_state_name, hook_state_from_name, HOOK_STATE_SUCCESS, "success");
    EXPECT_BOTH_WAYS(hook_state_name, hook_state_from_name, HOOK_STATE_FAILED, "failed");
    EXPECT_CLOSED(hook_state_name, hook_state_from_name, HOOK_STATE_COUNT);
}

Test(app_state_name, is_the_word_of_the_api)
{
    EXPECT_BOTH_WAYS(app_state_name, app_state_from_name, APP_READY, "ready");
    EXPECT_BOTH_WAYS(app_state_name, app_state_from_name, APP_RESTORING, "restoring");
    EXPECT_BOTH_WAYS(app_state_name, app_state_from_name, APP_UNAVAILABLE, "unavailable");
    EXPECT_BOTH_WAYS(app_state_name, app_state_from_name, APP_FAILED, "failed");
    EXPECT_CLOSED(app_state_name, app_state_from_name, APP_STATE_COUNT);
}

Test(bucket_state_name, is_the_word_of_the_api)
{
    EXPECT_BOTH_WAYS(bucket_state_name, bucket_state_from_name, BUCKET_PENDING, "pending");
    EXPECT_BOTH_WAYS(bucket_state_name, bucket_state_from_name, BUCKET_AVAILABLE, "available");
    EXPECT_BOTH_WAYS(bucket_state_name, bucket_state_from_name, BUCKET_FAILED, "failed");
    EXPECT_BOTH_WAYS(bucket_state_name, bucket_state_from_name, BUCKET_REMOVED, "removed");
    EXPECT_BOTH_WAYS(bucket_state_name, bucket_state_from_name, BUCKET_UNKNOWN, "unknown");
    EXPECT_CLOSED(bucket_state_name, bucket_state_from_name, BUCKET_STATE_COUNT);
}

Test(bucket_provider_name, is_the_word_of_the_configuration)
{
    EXPECT_BOTH_WAYS(bucket_provider_name, bucket_provider_from_name, BUCKET_DIRECTORY,
                     "directory");
    EXPECT_BOTH_WAYS(bucket_provider_name, bucket_provider_from_name, BUCKET_GENERIC_S3,
                     "generic-s3");
    EXPECT_BOTH_WAYS(bucket_provider_name, bucket_provider_from_name, BUCKET_AWS, "aws");
    EXPECT_BOTH_WAYS(bucket_provider_name, bucket_provider_from_name, BUCKET_STORAGEGRID_S3,
                     "storagegrid-s3");
    EXPECT_BOTH_WAYS(bucket_provider_name, bucket_provider_from_name, BUCKET_ONTAP_S3, "ontap-s3");
    EXPECT_CLOSED(bucket_provider_name, bucket_provider_from_name, BUCKET_PROVIDER_COUNT);
}

Test(job_kind_name, is_the_word_in_redis)
{
    EXPECT_BOTH_WAYS(job_kind_name, job_kind_from_name, JOB_BACKUP, "backup");
    EXPECT_BOTH_WAYS(job_kind_name, job_kind_from_name, JOB_DELETE, "delete");
    EXPECT_BOTH_WAYS(job_kind_name, job_kind_from_name, JOB_RESTORE, "restore");
    EXPECT_BOTH_WAYS(job_kind_name, job_kind_from_name, JOB_PRUNE, "prune");
    EXPECT_BOTH_WAYS(job_kind_name, job_kind_from_name, JOB_VERIFY, "verify");
    EXPECT_BOTH_WAYS(job_kind_name, job_kind_from_name, JOB_CATALOG, "catalog");
    EXPECT_CLOSED(job_kind_name, job_kind_from_name, JOB_KIND_COUNT);
}

Test(role_name, is_the_word_of_the_configuration)
{
    EXPECT_BOTH_WAYS(role_name, role_from_name, ROLE_VIEWER, "viewer");
    EXPECT_BOTH_WAYS(role_name, role_from_name, ROLE_MEMBER, "member");
    EXPECT_BOTH_WAYS(role_name, role_from_name, ROLE_ADMIN, "admin");
    EXPECT_BOTH_WAYS(role_name, role_from_name, ROLE_OWNER, "owner");
    EXPECT_CLOSED(role_name, role_from_name, ROLE_COUNT);
    cr_expect(ROLE_VIEWER < ROLE_MEMBER && ROLE_MEMBER < ROLE_ADMIN && ROLE_ADMIN < ROLE_OWNER);
}

Test(hook_stage_name, names_the_stages_in_their_order)
{
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_PRE_BACKUP), "pre-backup"));
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_PRE_SNAPSHOT), "pre-snapshot"));
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_POST_SNAPSHOT), "post-snapshot"));
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_POST_BACKUP), "post-backup"));
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_PRE_RESTORE), "pre-restore"));
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_POST_RESTORE), "post-restore"));
    cr_expect(eq(str, (char *)hook_stage_name(HOOK_STAGE_COUNT), ""));
}

Test(app_snapshot_driver_name, is_the_word_of_the_configuration)
{
    cr_expect(eq(str, (char *)app_snapshot_driver_name(APP_SNAPSHOT_AUTO), "auto"));
    cr_expect(eq(str, (char *)app_snapshot_driver_name(APP_SNAPSHOT_BTRFS), "btrfs"));
    cr_expect(eq(str, (char *)app_snapshot_driver_name(APP_SNAPSHOT_REFLINK), "reflink"));
    cr_expect(eq(int, (int)app_snapshot_driver_from_name("reflink"), (int)APP_SNAPSHOT_REFLINK));
    cr_expect(eq(int, (int)app_snapshot_driver_from_name("none"), (int)APP_SNAPSHOT_NONE));
    cr_expect(eq(int, (int)app_snapshot_driver_from_name("zfs"), (int)APP_SNAPSHOT_AUTO));
    cr_expect(eq(str, (char *)app_snapshot_driver_name(APP_SNAPSHOT_NONE), "none"));
    cr_expect(eq(str, (char *)app_snapshot_driver_name(APP_SNAPSHOT_DRIVER_COUNT), ""));
}
