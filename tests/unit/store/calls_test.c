#include "store/calls.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#define ID "11111111-1111-4111-8111-111111111111"

/* The arguments, joined by blanks. */
static const char *line(const struct store_call *call)
{
    static char text[4096];
    text[0] = '\0';
    for (size_t i = 0; i < call->argc; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", call->argv[i]);
    }
    return text;
}

#define EXPECT_LINE(call, expected) cr_expect(eq(str, (char *)line(call), (char *)(expected)))

/* As a local that nobody has cleared. */
static void spoil(struct store_call *call)
{
    memset(call, 0xa5, sizeof(*call));
}

Test(call, reads_with_fcall_ro)
{
    struct store_call call;
    spoil(&call);
    store_call_backup_list(&call, NULL, ID, "5:" ID, 100);
    EXPECT_LINE(&call, "FCALL_RO appbackup_backup_list 0  " ID " 5:" ID " 100");
    store_call_health(&call, NULL);
    EXPECT_LINE(&call, "FCALL_RO appbackup_health 0");
    store_call_health(&call, "web1");
    EXPECT_LINE(&call, "FCALL_RO appbackup_health 0 web1");
    store_call_done(&call);
}

Test(call, of_a_worker_carries_its_epoch)
{
    struct job job = {.id = ID, .epoch = 42};
    struct error err = {0};
    struct store_call call;
    spoil(&call);

    cr_assert(eq(int, (int)store_call_job_renew(&call, &job, 15000, NULL, &err), (int)STATUS_OK));
    EXPECT_LINE(&call, "FCALL appbackup_job_renew 0 " ID " 42 15000");
    cr_assert(eq(int, (int)store_call_job_advance(&call, &job, BACKUP_RUNNING, 15000, NULL, &err),
                 (int)STATUS_OK));
    EXPECT_LINE(&call, "FCALL appbackup_job_advance 0 " ID " 42 running 15000");
    store_call_job_died(
        &call, &job,
        &(struct store_death){.evidence = "signal 9", .kills_max = 3, .delay_ms = 1000});
    EXPECT_LINE(&call, "FCALL appbackup_job_died 0 " ID " 42 signal 9 3 1000");
}

Test(call, of_an_admin_says_who_and_why)
{
    const struct store_lever lever = {.actor = "admin"};
    const struct store_lever because = {.actor = "admin", .reason = "disks"};
    struct store_call call;
    spoil(&call);

    store_call_retry(&call, ID, &lever);
    EXPECT_LINE(&call, "FCALL appbackup_retry 0 " ID " admin ");
    store_call_job_requeue(&call, ID, because.actor, true, because.reason);
    EXPECT_LINE(&call, "FCALL appbackup_job_requeue 0 " ID " admin 1 disks");
    store_call_quarantine_release(&call, ID, &because);
    EXPECT_LINE(&call, "FCALL appbackup_quarantine_release 0 " ID " admin disks");
    store_call_quarantine_drop(&call, ID, &because);
    EXPECT_LINE(&call, "FCALL appbackup_quarantine_drop 0 " ID " admin disks");
    store_call_pause(&call, "node", "web1", &because);
    EXPECT_LINE(&call, "FCALL appbackup_pause 0 node web1 admin disks");
    store_call_resume(&call, "node", "web1", &lever);
    EXPECT_LINE(&call, "FCALL appbackup_resume 0 node web1 admin ");
}

Test(call, of_a_report_asks_for_json)
{
    struct store_call call;
    spoil(&call);

    store_call_explain(&call, ID);
    EXPECT_LINE(&call, "FCALL_RO appbackup_explain 0 " ID);
    store_call_queue(&call, NULL);
    EXPECT_LINE(&call, "FCALL_RO appbackup_queue 0  json");
    store_call_quarantine(&call);
    EXPECT_LINE(&call, "FCALL_RO appbackup_quarantine 0 json");
    store_call_status(&call);
    EXPECT_LINE(&call, "FCALL_RO appbackup_status 0 json");
    store_call_history(&call, ID, NULL);
    EXPECT_LINE(&call, "FCALL_RO appbackup_history 0 " ID " + json");
}

Test(call, reports_only_what_is_set)
{
    struct job job = {.id = ID, .epoch = 1};
    struct store_progress progress = STORE_PROGRESS_NONE;
    struct error err = {0};
    CLEANUP(store_call_done) struct store_call call = {0};
    progress.bytes_done = 0;

    cr_assert(eq(int, (int)store_call_job_renew(&call, &job, 1, &progress, &err), (int)STATUS_OK));

    EXPECT_LINE(&call, "FCALL appbackup_job_renew 0 " ID " 1 1 bytes_done 0");
}

Test(call, has_room_for_everything_that_can_be_reported)
{
    struct job job = {.id = ID, .epoch = INT64_MAX};
    json_auto_t *details = json_array();
    const struct store_finish finish = {.outcome = STORE_OUTCOME_RETRY,
                                        .delay_ms = INT64_MAX,
                                        .reason = "why",
                                        .progress = {.stage = "upload",
                                                     .bytes_done = INT64_MAX,
                                                     .bytes_total = INT64_MAX,
                                                     .taken_ms = INT64_MAX,
                                                     .snapshot = ID,
                                                     .repository_snapshot = "abc",
                                                     .hook_state = HOOK_STATE_SUCCESS,
                                                     .hook_state_details = details,
                                                     .state_details = details}};
    struct error err = {0};
    CLEANUP(store_call_done) struct store_call call = {0};

    cr_assert(eq(int, (int)store_call_job_finish(&call, &job, &finish, &err), (int)STATUS_OK));

    EXPECT_LINE(&call, "FCALL appbackup_job_finish 0 " ID " 9223372036854775807 retry "
                       "9223372036854775807 why stage upload bytes_done 9223372036854775807 "
                       "bytes_total 9223372036854775807 taken_ms 9223372036854775807 snapshot " ID
                       " repository_snapshot abc hook_state success hook_state_details [] "
                       "state_details []");
}

Test(call, names_every_outcome)
{
    static const char *const names[] = {"completed", "failed", "canceled", "retry", "released"};
    struct job job = {.id = ID, .epoch = 1};
    struct error err = {0};
    for (int outcome = STORE_OUTCOME_COMPLETED; outcome <= STORE_OUTCOME_RELEASED; outcome++) {
        struct store_call call;
        const struct store_finish finish = {.outcome = (enum store_outcome)outcome,
                                            .progress = STORE_PROGRESS_NONE};
        cr_assert(eq(int, (int)store_call_job_finish(&call, &job, &finish, &err), (int)STATUS_OK));
        cr_expect(eq(str, (char *)call.argv[5], (char *)names[outcome]));
        cr_expect(eq(str, (char *)call.argv[7], ""));
    }
}

Test(call, to_register_apps_is_one_json_text)
{
    struct app app = {.id = ID, .account = ID, .name = "shop"};
    const struct app *const apps[] = {&app};
    struct error err = {0};
    CLEANUP(store_call_done) struct store_call call = {0};
    CLEANUP(store_call_done) struct store_call none = {0};

    json_auto_t *list = NULL;
    cr_assert(eq(int, (int)store_apps_list(apps, 1, &list, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)store_call_apps_register(&call, "web1", list, &err), (int)STATUS_OK));
    cr_assert(eq(int, (int)store_call_apps_register(&none, "web1", NULL, &err), (int)STATUS_OK));

    EXPECT_LINE(&call, "FCALL appbackup_apps_register 0 web1 "
                       "[{\"id\":\"" ID "\",\"account\":\"" ID "\",\"name\":\"shop\","
                       "\"concurrent_backups\":\"queue\"}]");
    EXPECT_LINE(&none, "FCALL appbackup_apps_register 0 web1 []");
}
