#include "admin_action.h"
#include "command.h"
#include "core/clock.h"
#include "ctl/types.h"
#include "listing.h"
#include "output.h"
#include "report.h"
#include "session.h"
#include "store/calls.h"
#include "store/replies.h"
#include "text.h"
#include "wait.h"

#include <stdio.h>
#include <string.h>

enum { PAGE = 500 }; /* backups per call: bounds the memory of a list of any length */

static enum status get(struct session *session, struct store_call *call, struct backup *ret_backup,
                       struct error *err)
{
    CLEANUP(reply_freep) redisReply *reply = NULL;
    if (session_run(session, call, &reply, err) != STATUS_OK)
        return error_status(err);
    return store_reply_backup(reply, ret_backup, err);
}

static enum status print_json(const struct backup *backup, struct error *err)
{
    json_auto_t *json = NULL;
    if (backup_to_json(backup, &json, err) != STATUS_OK)
        return error_status(err);
    return output_json(json, err);
}

/* --- show --- */

static void print_backup(const struct backup *backup)
{
    char done[TEXT_SIZE], total[TEXT_SIZE];
    text_bytes(backup->bytes_done, done);
    text_bytes(backup->bytes_total, total);
    (void)printf("%-12s%s\n%-12s%s\n%-12s%s (%s)\n", "id", backup->id, "name", backup->name, "app",
                 backup->app_name, backup->app);
    (void)printf("%-12s%s\n%-12s%s\n", "bucket", backup->bucket, "node", backup->node);
    (void)printf("%-12s%s, %lld %%, %s of %s\n", "state", backup_state_name(backup->state),
                 (long long)backup->percent_done, done, total);
    report_texts("waits", backup->state_unready);
    if (backup->hook_state != HOOK_STATE_UNSET)
        (void)printf("%-12s%s\n", "hooks", hook_state_name(backup->hook_state));
    report_time("created", backup->created_ms);
    report_time("taken", backup->taken_ms);
    report_time("changed", backup->modified_ms);
    if (backup->repository_snapshot[0] != '\0')
        (void)printf("%-12s%.8s\n", "restic", backup->repository_snapshot);
    report_details(stdout, "detail", backup->state_details);
    report_details(stdout, "hook", backup->hook_state_details);
}

static enum status run_backup_show(struct session *session, struct error *err)
{
    struct store_call call = {0};
    CLEANUP(backup_done) struct backup backup = {0};
    const char *id = NULL;
    if (session_read_id(session, 0, "backup", &id, err) != STATUS_OK)
        return error_status(err);
    store_call_backup_get(&call, session->account, NULL, id);
    if (get(session, &call, &backup, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(&backup, err);
    print_backup(&backup);
    return STATUS_OK;
}

/* --- list --- */

static enum status add_row(struct listing *listing, const struct backup *backup, struct error *err)
{
    char percent[TEXT_SIZE], size[TEXT_SIZE], age[TEXT_SIZE];
    (void)snprintf(percent, sizeof(percent), "%lld %%", (long long)backup->percent_done);
    text_bytes(backup->bytes_total, size);
    clock_describe(clock_wall_ms() - backup->created_ms, age);
    return listing_add(listing,
                       (const char *[]){backup->app_name, backup->name,
                                        backup_state_name(backup->state), percent, size, age,
                                        backup->id},
                       err);
}

static enum status add_backup(struct listing *listing, const redisReply *record, struct error *err)
{
    CLEANUP(backup_done) struct backup backup = {0};
    if (store_reply_backup(record, &backup, err) != STATUS_OK)
        return error_status(err);
    if (!listing->is_json)
        return add_row(listing, &backup, err);
    json_auto_t *json = NULL;
    if (backup_to_json(&backup, &json, err) != STATUS_OK)
        return error_status(err);
    return listing_add_json(listing, json, err);
}

/* app: NULL for all. page: the one before; becomes the one that is listed. */
static enum status list_page(struct session *session, const char *app, struct listing *listing,
                             struct store_backup_page *page, struct error *err)
{
    struct store_call call = {0};
    CLEANUP(reply_freep) redisReply *reply = NULL;
    store_call_backup_list(&call, session->account, app, page->next, PAGE);
    if (session_run(session, &call, &reply, err) != STATUS_OK ||
        store_reply_backup_page(reply, page, err) != STATUS_OK)
        return error_status(err);
    return listing_add_records(listing, page->backups, add_backup, err);
}

static enum status run_backup_list(struct session *session, struct error *err)
{
    static const char *const titles[] = {"APP", "NAME", "STATE", "DONE", "SIZE", "AGE", "ID", NULL};

    enum { RIGHT = 1 << 3 | 1 << 4 | 1 << 5 };

    struct store_backup_page page = {.next = ""};
    struct app app = {0};
    bool of_one = session->arguments->count > 0;
    if (of_one && session_find_app(session, session->arguments->values[0], &app, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(listing_done) struct listing listing;
    listing_init(&listing, session, titles, RIGHT);
    do {
        if (list_page(session, of_one ? app.id : NULL, &listing, &page, err) != STATUS_OK)
            return error_status(err);
    } while (*page.next != '\0');
    listing_end(&listing);
    return STATUS_OK;
}

/* --- cancel, delete --- */

static enum status run_backup_cancel(struct session *session, struct error *err)
{
    struct store_lever action = {0};
    struct store_call call = {0};
    CLEANUP(backup_done) struct backup backup = {0};
    if (admin_action_prepare_for_id(session, "backup", &action, err) != STATUS_OK)
        return error_status(err);
    store_call_backup_cancel(&call, session->account, NULL, session->arguments->values[0],
                             action.actor, action.reason);
    if (get(session, &call, &backup, err) != STATUS_OK)
        return error_status(err);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(&backup, err);
    bool ended = backup.state == BACKUP_FAILED;
    (void)printf("backup %s is %s\n", backup.id, ended ? "canceled" : "being canceled");
    return STATUS_OK;
}

static enum status run_backup_delete(struct session *session, struct error *err)
{
    struct admin_begun begun = {.noun = "backup", .participle = "deleted", .state = "deleting"};
    struct store_call call = {0};
    if (session_read_id(session, 0, "backup", &begun.id, err) != STATUS_OK)
        return error_status(err);
    store_call_backup_delete(&call, session->account, NULL, begun.id, session->actor);
    return admin_action_begin(session, &call, &begun, err);
}

/* --- create --- */

static enum status read_request(struct session *session, struct backup_request *request,
                                struct error *err)
{
    const struct arguments *arguments = session->arguments;
    (void)snprintf(request->version, sizeof(request->version), "1.2");
    if (arguments->name != NULL && !name_is_label(arguments->name))
        return FAIL(err, STATUS_INVALID, "name '%s': 1-63 characters a-z 0-9 and '-' are expected",
                    arguments->name);
    if (arguments->name != NULL)
        (void)snprintf(request->name, sizeof(request->name), "%.63s", arguments->name);
    if (arguments->bucket != NULL &&
        session_find_bucket(session, arguments->bucket, request->bucket, err) != STATUS_OK)
        return error_status(err);
    request->labels = json_array();
    if (request->labels == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "request");
    return STATUS_OK;
}

static enum status create(struct session *session, const struct backup_request *request,
                          const char *job, struct backup *ret_backup, struct error *err)
{
    struct app app = {0};
    char id[ID_SIZE];
    if (session_find_app(session, session->arguments->values[0], &app, err) != STATUS_OK)
        return error_status(err);
    id_random(id);
    const struct store_backup_create parameters = {
        .id = id,
        .job = job,
        .account = session->account,
        .app = app.id,
        .created_by = ID_NIL,
        .request = request,
    };
    if (store_backup_wanted(&parameters, ret_backup, err) != STATUS_OK)
        return error_status(err);
    CLEANUP(reply_freep) redisReply *reply = NULL;
    CLEANUP(store_call_done) struct store_call call = {0};
    if (store_call_backup_create(&call, &parameters, err) != STATUS_OK ||
        store_run(session->store, &call, &reply, err) != STATUS_OK)
        return error_status(err);
    return store_reply_backup_created(reply, ret_backup, err);
}

/* What there is to say about a backup that has ended, below the progress. */
static enum status print_end(const struct session *session, const struct backup *backup,
                             struct error *err)
{
    report_details(stderr, "detail", backup->state_details);
    report_details(stderr, "hook", backup->hook_state_details);
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(backup, err);
    (void)printf("backup %s '%s' of %s: %s\n", backup->id, backup->name, backup->app_name,
                 backup_state_name(backup->state));
    return STATUS_OK;
}

static enum status await(struct session *session, const struct backup *created, const char *job,
                         struct error *err)
{
    struct backup backup = {0};
    bool interrupted = false;
    if (wait_for_backup(session, created->id, job, &backup, &interrupted, err) != STATUS_OK)
        return error_status(err);
    enum status status = STATUS_OK;
    if (interrupted) {
        (void)fprintf(stderr, "The backup goes on. To see it: appbackupctl backup show %s\n",
                      created->id);
        session->exit_code = CTL_EXIT_INTERRUPTED;
    } else {
        session->exit_code = backup.state == BACKUP_COMPLETED ? CTL_EXIT_OK : CTL_EXIT_FAILED;
        status = print_end(session, &backup, err);
    }
    backup_done(&backup);
    return status;
}

static enum status print_created(const struct session *session, const struct backup *backup,
                                 struct error *err)
{
    if (session->arguments->output == OUTPUT_JSON)
        return print_json(backup, err);
    (void)printf("backup %s '%s' of %s: %s\n", backup->id, backup->name, backup->app_name,
                 backup_state_name(backup->state));
    return STATUS_OK;
}

static enum status run_backup_create(struct session *session, struct error *err)
{
    struct backup_request request = {0};
    struct backup backup = {0};
    char job[ID_SIZE];
    id_random(job);
    enum status status = read_request(session, &request, err);
    if (status == STATUS_OK)
        status = create(session, &request, job, &backup, err);
    if (status == STATUS_OK && session->arguments->wait)
        status = await(session, &backup, job, err);
    else if (status == STATUS_OK)
        status = print_created(session, &backup, err);
    backup_done(&backup);
    backup_request_done(&request);
    return status;
}

/* clang-format off */
const struct command backup_commands[] = {
    {
        .group = "backup", .verb = "create", .usage = "APP [--name NAME] [--bucket BUCKET] [--wait]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_NAME | OPTION_BUCKET | OPTION_WAIT,
        .run = run_backup_create,
        .summary = "back up an app now",
        .help = "  APP, BUCKET       a name or an id; without a bucket the default one is used\n"
                "  --name NAME       1-63 characters a-z 0-9 and '-'; default: made of the time\n"
                "  --wait            until the backup has ended: exit code 0 if it is completed,\n"
                "                    1 if it failed. Ctrl-C ends the waiting, not the backup.\n",
    },
    {
        .group = "backup", .verb = "list", .usage = "[APP]",
        .arguments_max = 1,
        .run = run_backup_list,
        .summary = "the backups of one app or of all, oldest first",
        .help = "  APP               a name or an id\n",
    },
    {
        .group = "backup", .verb = "show", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = run_backup_show,
        .summary = "one backup with its details",
        .help = "  ID                as `backup list` shows it\n",
    },
    {
        .group = "backup", .verb = "cancel", .usage = "ID [--reason TEXT]",
        .arguments_min = 1, .arguments_max = 1,
        .options = OPTION_REASON,
        .run = run_backup_cancel,
        .summary = "stop a backup that waits or runs",
        .help = "  ID                as `backup list` shows it\n"
                "  --reason TEXT     for the record and the journal, at most 255 characters\n"
                "Its hooks are unwound; it ends as failed, with the detail that it was canceled.\n",
    },
    {
        .group = "backup", .verb = "delete", .usage = "ID",
        .arguments_min = 1, .arguments_max = 1,
        .run = run_backup_delete,
        .summary = "delete a backup, canceling it first if it is running",
        .help = "  ID                as `backup list` shows it\n"
                "The record goes when its data is gone from the bucket: a moment later.\n",
    },
    COMMANDS_END,
};

/* clang-format on */
